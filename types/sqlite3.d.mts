export * from "./sqlite3.js";
