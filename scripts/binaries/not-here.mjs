/** This machine lacks something. The message says what, and what to do. */
export class NotHere extends Error {}
