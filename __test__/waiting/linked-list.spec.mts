/** The list in which calls wait: a module of its own. */
import test from "ava";
import { internal } from "../support/internals.mjs";

interface List<T> extends Iterable<T> {
  readonly first: T | undefined;
  push(value: T): object;
  unshift(value: T): object;
  remove(entry: object): boolean;
}

const { LinkedList } = internal<{ LinkedList: new <T>() => List<T> }>(
  "local/scheduler/linked-list",
);

test("values have their order, whichever are removed", (t) => {
  const list = new LinkedList<number>();
  t.is(list.first, undefined);
  const entries = [1, 2, 3, 4, 5].map((value) => list.push(value));
  const [first, , third, , fifth] = entries as [object, object, object, object, object];
  t.true(list.remove(third));
  t.deepEqual([...list], [1, 2, 4, 5]);
  t.false(list.remove(third), "it was removed before");
  t.true(list.remove(first));
  t.true(list.remove(fifth));
  t.is(list.first, 2);
  list.push(6);
  const zero = list.unshift(0);
  t.deepEqual([...list], [0, 2, 4, 6]);
  t.true(list.remove(zero));
  t.deepEqual([...list], [2, 4, 6]);
});

test("an emptied list can be filled again", (t) => {
  const list = new LinkedList<string>();
  t.true(list.remove(list.unshift("one")));
  t.is(list.first, undefined);
  t.deepEqual([...list], []);
  list.unshift("two");
  list.push("three");
  t.deepEqual([...list], ["two", "three"]);
});

test("it does what an array does", (t) => {
  const list = new LinkedList<number>();
  const array: Array<{ value: number; entry: object }> = [];
  for (let i = 0; i < 2_000; i++) {
    const at = (i * 7_919) % (array.length + 1);
    if (i % 3 === 2) {
      const [removed] = array.splice(at, 1);
      if (removed !== undefined) t.true(list.remove(removed.entry));
    } else if (i % 2 === 0) array.push({ value: i, entry: list.push(i) });
    else array.unshift({ value: i, entry: list.unshift(i) });
    t.is(list.first, array[0]?.value);
  }
  t.deepEqual(
    [...list],
    array.map(({ value }) => value),
  );
});
