/** Something cannot be done on this machine. The message says what is missing and what to do. */
export class NotHere extends Error {}
