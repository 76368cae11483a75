/** What in a text of SQL stands in quotes or in a comment: words there are not SQL's own. */

/** Texts, quoted names and comments; also those that do not end. A part of a larger pattern, without its flags. */
export const QUOTED =
  /'[^']*(?:'|$)|"[^"]*(?:"|$)|`[^`]*(?:`|$)|\[[^\]]*(?:\]|$)|--[^\n]*|\/\*[^]*?(?:\*\/|$)/.source;
