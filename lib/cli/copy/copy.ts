import { defineCommand } from "../command";
export const copy = defineCommand("", [], {}, async () => {});
