const { POOL, INLINE } = process.env;
const inline = { nothing: [], client: [/@libsql.client/], everything: true }[INLINE];

export default { test: { pool: POOL, server: { deps: { inline } } } };
