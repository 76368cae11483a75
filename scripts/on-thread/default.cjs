/**
 * Makes "thread" the default of `execution`. To be loaded before a program, by NODE_OPTIONS or BUN_OPTIONS,
 * so that the programs and threads that it starts load it, too.
 */
const { join } = require("node:path");

const config = require(join(__dirname, "..", "..", "dist", "client", "config.js"));
const { parseExecution } = config;
config.parseExecution = (execution) => parseExecution(execution ?? "thread");
