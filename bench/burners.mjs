/** A busy machine: one process for each core that never sleeps. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { availableParallelism } from "node:os";

/** They end by themselves when this process does: their stdin ends. */
const BURN = `
  process.stdin.resume().on("end", () => process.exit());
  const burn = () => {
    const end = performance.now() + 100;
    while (performance.now() < end);
    setImmediate(burn);
  };
  burn();
`;

/** @returns {() => Promise<void>} what ends them */
export function startBurners() {
  const burners = Array.from({ length: availableParallelism() }, () =>
    spawn(process.execPath, ["--eval", BURN], { stdio: ["pipe", "ignore", "ignore"] }),
  );
  return async () => {
    for (const burner of burners) {
      const ended = once(burner, "exit");
      burner.kill("SIGKILL");
      await ended;
    }
  };
}
