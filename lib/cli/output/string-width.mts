/** An ES module that the build puts into the package as one file, with its license beside it. */
export { default as stringWidth } from "string-width";
