const { LibsqlError } = require("@libsql/client");

module.exports = { LibsqlError };
