// A process for each file: descriptors and threads are counted per process.
export default { files: ["build/test/**/*.spec.mjs"], workerThreads: false };
