const { join } = require("node:path");

module.exports = {
  dialect: "sqlite",
  schema: join(__dirname, "pages.cjs"),
  dbCredentials: { url: `file:${process.env.FILE}` },
};
