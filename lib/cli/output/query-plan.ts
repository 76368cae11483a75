/** Query plans as trees, as SQLite's shell shows them (https://sqlite.org/eqp.html). */
import { visibleLines } from "./text";

/** A row of EXPLAIN QUERY PLAN. */
export interface PlanStep {
  id: number;
  /** The step that it belongs to; 0 for none. */
  parent: number;
  detail: string;
}

/** The tree, with a heading, in lines. */
export function planTree(steps: readonly PlanStep[]): string {
  const parts = new Map<number, PlanStep[]>();
  for (const step of steps) {
    const siblings = parts.get(step.parent);
    if (siblings === undefined) parts.set(step.parent, [step]);
    else siblings.push(step);
  }
  const lines = ["QUERY PLAN"];
  const add = (parent: number, indent: string): void => {
    const siblings = parts.get(parent) ?? [];
    // Each is shown once, whatever the numbers are.
    parts.delete(parent);
    for (const [index, { id, detail }] of siblings.entries()) {
      const isLast = index === siblings.length - 1;
      lines.push(`${indent}${isLast ? "`--" : "|--"}${visibleLines(detail)}`);
      add(id, `${indent}${isLast ? "   " : "|  "}`);
    }
  };
  add(0, "");
  return `${lines.join("\n")}\n`;
}
