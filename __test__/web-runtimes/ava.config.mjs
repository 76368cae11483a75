/** For `npm run test:web`. */
export default {
  files: ["build/test/web-runtimes/*.spec.mjs"],
  workerThreads: false,
  timeout: "3m",
};
