// A process for each file: descriptors and threads are counted per process.
export default {
  // Those of packaging have a configuration of their own: they need packages, and Node alone.
  files: ["build/test/**/*.spec.mjs", "!build/test/packaging/**"],
  workerThreads: false,
};
