/**
 * The binary of a peer that is compiled for each ABI of V8. Beside the peers' packages: `npm ci`
 * removes both.
 *
 * @param {string} name of the peer
 * @param {string} abi `process.versions.modules`
 */
export function addonFor(name, abi) {
  return new URL(`./node_modules/.addons/${name}-abi${abi}.node`, import.meta.url);
}
