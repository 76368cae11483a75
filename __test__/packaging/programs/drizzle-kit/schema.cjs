module.exports = require("./schemas.cjs")(Number(process.env.VERSION));
