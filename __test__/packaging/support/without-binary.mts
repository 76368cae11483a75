/** A project in which npm has installed latchdb and no package with a binary. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import type { ExecutionContext } from "ava";
import { newProject, node, type Output, type Project } from "./project.mjs";

/** @param also what else is installed: prebuild-install, unless told otherwise */
export async function projectWithoutBinary(
  t: ExecutionContext,
  also: string[] = ["prebuild-install@7.1.3"],
): Promise<Project> {
  const project = await newProject(t);
  await project.npm("install", "latchdb", ...also, "--omit=optional");
  await project.copyProgram("hello.mjs");
  t.deepEqual(project.installedIn("@latchdb"), []);
  return project;
}

/** Runs `latchdb-install` as npm has linked it. */
export function install(
  project: Project,
  args: string[],
  env?: NodeJS.ProcessEnv,
): Promise<Output> {
  const program = join(project.directory, "node_modules/latchdb/dist/install/main.js");
  return project.run(node, [program, ...args], env);
}

/** Nothing but the binary, if that, has come to latchdb's folder. */
export function assertLeft(t: ExecutionContext, project: Project, expected: string[]): void {
  const names = readdirSync(join(project.directory, "node_modules/latchdb"));
  t.deepEqual(
    names.filter((name) => name.endsWith(".node") || name.startsWith(".latchdb-install")),
    expected,
  );
}
