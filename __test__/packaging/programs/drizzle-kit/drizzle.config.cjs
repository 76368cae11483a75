const { join } = require("node:path");

module.exports = {
  dialect: "turso",
  schema: join(__dirname, "schema.cjs"),
  out: process.env.OUT,
  dbCredentials: { url: `file:${process.env.FILE}` },
};
