import { arch, availableParallelism, cpus, loadavg, platform, release, totalmem } from "node:os";

/** The machine, in words for a reader of the figures. */
export function describeMachine() {
  const [processor] = cpus();
  return {
    processor: processor?.model.trim() ?? arch(),
    cores: availableParallelism(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    system: `${platform()} ${release()} ${arch()}`,
  };
}

/** How many processes have been ready to run during the last minute, on average. */
export const load = () => Number(loadavg()[0].toFixed(1));
