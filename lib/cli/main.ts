#!/usr/bin/env node
/** `npx latchdb …`: one file per command. */
import { Command } from "commander";
import { version } from "../../package.json";
import { doctorCommand } from "./doctor";
import { recoverCommand } from "./recover";
import { swapCommand } from "./swap";

const program = new Command("latchdb")
  .description("What can be done with files and databases from a shell")
  .version(version)
  .showHelpAfterError()
  .addCommand(swapCommand())
  .addCommand(recoverCommand())
  .addCommand(doctorCommand());

// A rejection here is a defect: commands report what can go wrong themselves.
void program.parseAsync();
