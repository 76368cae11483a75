/** Rows that are arrays (`rowMode: "array"`), and rows that are the value of the first column (`"pluck"`). */
import type { Row, Value } from "@libsql/core/api";
import { evaluate, type MakeRows, type RowLayout } from "./row-layout";

/** How rows with so many columns are made as arrays. */
export function arrayRows(columns: number): RowLayout {
  const makeRows: MakeRows = (cells, count, rows) => {
    for (let i = 0; i < count; i++) {
      const row: Value[] = [];
      for (let column = 0; column < columns; column++) row.push(cells.cell());
      rows.push(row as unknown as Row);
    }
  };
  const compile = (): MakeRows | undefined => {
    const row = `[${Array.from({ length: columns }, () => "cells.cell()").join(", ")}]`;
    const code = `return (cells, count, rows) => { for (let i = 0; i < count; i++) rows.push(${row}); };`;
    return evaluate(code, {}) as MakeRows | undefined;
  };
  return { makeRows, compile };
}

/** How the values of the first of so many columns are read. */
export function pluckedRows(columns: number): RowLayout {
  const makeRows: MakeRows = (cells, count, rows) => {
    for (let i = 0; i < count; i++) {
      rows.push(cells.cell() as unknown as Row);
      // Cells are read in the order of the columns.
      for (let column = 1; column < columns; column++) cells.cell();
    }
  };
  return { makeRows, compile: () => undefined };
}
