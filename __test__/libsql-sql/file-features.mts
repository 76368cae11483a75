/** What a file can hold that both the stock client and latchdb read and write. */
import type { Side } from "./sides.mjs";

interface Feature {
  make: string[];
  write: string[];
  read: string[];
  /** The side that can make it, where it is one alone. */
  onlyBy?: Side["name"];
}

const values = `(1, 'ünïcode', 1.5, x'00ff', null, 9007199254740991),
  (2, '', -1e300, x'', 'text', -1), (3, 'a' || char(10) || 'b', 0.1, zeroblob(9000), 7, 1)`;

/** What goes both ways: each side reads and writes what the other one has made. */
export const features: Record<string, Feature> = {
  "tables, indexes, views, triggers, foreign keys": {
    make: [
      `create table p (id integer primary key autoincrement, name text collate nocase unique)`,
      `create table c (a integer primary key, s text default 'x', r real check (r < 1e308), b blob, any,
        n numeric not null, p integer references p on delete cascade deferrable initially deferred)`,
      `create table w (k text, n int, primary key (k, n desc)) without rowid`,
      `create index ci on c (s desc, r) where n > 0`,
      `create index ce on c (lower(s), n + 1)`,
      `create view v as select s, count(*) as n from c group by s`,
      `create trigger tr after insert on c begin insert or ignore into w values (new.s, new.a); end`,
      `insert into p (name) values ('one'), ('two')`,
      `insert into c (a, s, r, b, any, n) values ${values}`,
    ],
    write: [
      `insert into c (s, n, p) values ('more', 5, 1)`,
      `update c set s = s || '!', any = 1 where a < 3`,
      `delete from c where a = 3`,
      `insert into p (name) values ('ONE')`,
      `insert into c (n, p) values (1, 77)`,
      `delete from p where id = 1`,
      `alter table c add column more text default 'm'`,
      `alter table w rename to w2`,
      `alter table c rename column any to whatever`,
    ],
    read: [
      `select *, typeof(r), typeof(n) from c order by a`,
      `select s from c indexed by ci where n > 0 order by s desc`,
      `select * from v order by s`,
      `select * from p`,
      `select * from sqlite_sequence`,
      `select type, name, tbl_name, sql from sqlite_schema order by name`,
    ],
  },
  "STRICT tables": {
    make: [
      `create table s (i integer primary key, t text, r real, b blob, a any) strict`,
      `insert into s values (1, 'x', 1, x'01', '01'), (2, null, 2.5, null, 3)`,
    ],
    write: [`insert into s (t, a) values ('y', 1.5)`, `insert into s (r) values ('no number')`],
    read: [`select *, typeof(r), typeof(a) from s`],
  },
  "generated columns": {
    make: [
      `create table g (a int, b text, c text generated always as (b || a) virtual,
        d int as (a * 2) stored)`,
      `create index gi on g (c)`,
      `insert into g (a, b) values (1, 'x'), (2, 'y')`,
    ],
    write: [`insert into g (a, b) values (3, 'z')`, `update g set a = a + 10`],
    read: [`select * from g order by a`, `select a from g indexed by gi where c = 'z13'`],
  },
  "JSON and JSONB": {
    make: [
      `create table j (id integer primary key, t text check (json_valid(t)), b blob)`,
      `create index ji on j (json_extract(t, '$.a'))`,
      `insert into j values (1, '{"a":1,"b":[1,2.5,"x\\u00e9",null,true]}', jsonb('{"a":{"b":[1,2,3]}}'))`,
      `insert into j values (2, '[]', jsonb('"' || hex(zeroblob(500)) || '"'))`,
    ],
    write: [
      `insert into j values (3, json_object('a', 5), jsonb_array(1, 'two', 3.5))`,
      `update j set b = jsonb_set(b, '$.a.b[1]', 99), t = json_insert(t, '$.z', 1) where id = 1`,
      `insert into j values (4, 'no json', null)`,
    ],
    read: [
      `select id, t, json(b), b, t ->> '$.a', json_array_length(t) from j order by id`,
      `select id from j indexed by ji where json_extract(t, '$.a') > 0 order by id`,
      `select j.id, e.key, e.value from j, json_each(j.t) e order by j.id, e.key`,
    ],
  },
  FTS5: {
    make: [
      `create virtual table f using fts5 (title, body, tokenize = 'porter unicode61', prefix = '2 3')`,
      `create table doc (id integer primary key, text)`,
      `create virtual table x using fts5 (text, content = 'doc', content_rowid = 'id')`,
      `create trigger dx after insert on doc begin insert into x (rowid, text) values (new.id, new.text); end`,
      `insert into f values ('one', 'the running fox'), ('two', 'it ran, ÜBER')`,
      `insert into doc (text) values ('alpha beta'), ('beta gamma')`,
    ],
    write: [
      `insert into f values ('three', 'runs again')`,
      `delete from f where title = 'one'`,
      `update f set body = 'run run' where title = 'two'`,
      `insert into doc (text) values ('beta delta')`,
      `insert into f (f) values ('optimize')`,
      `insert into f (f) values ('integrity-check')`,
      `insert into x (x) values ('integrity-check')`,
    ],
    read: [
      `select title, highlight(f, 1, '<', '>') from f where f match 'run' order by rank, rowid`,
      `select rowid from x where x match 'beta NOT gamma' order by rowid`,
      `select title from f where f match 'bod* OR ru*' order by rowid`,
    ],
  },
  "FTS3, FTS4 and R-Tree": {
    make: [
      `create virtual table f3 using fts3 (a, b)`,
      `create virtual table f4 using fts4 (a, tokenize = porter)`,
      `create virtual table r using rtree (id, x0, x1, y0, y1)`,
      `insert into f3 values ('one two', 'three')`,
      `insert into f4 values ('running')`,
      `insert into r values (1, 0, 1, 0, 1), (2, 5, 6, 5, 6)`,
    ],
    write: [
      `insert into f3 values ('two', 'four')`,
      `insert into f4 values ('runs')`,
      `insert into r values (3, 0.5, 2, 0.5, 2)`,
      `delete from r where id = 1`,
    ],
    read: [
      `select docid from f3 where f3 match 'two' order by docid`,
      `select a from f4 where f4 match 'run' order by docid`,
      `select * from r where x1 > 1 order by id`,
    ],
  },
  "page size, auto_vacuum, UTF-16, application_id": {
    make: [
      `pragma page_size = 8192`,
      `pragma auto_vacuum = incremental`,
      `pragma encoding = 'UTF-16le'`,
      `pragma application_id = 77`,
      `pragma user_version = 5`,
      `create table t (a text)`,
      `insert into t values ('ünïcode'), (hex(zeroblob(20000)))`,
    ],
    write: [`delete from t where length(a) > 100`, `insert into t values ('💚')`, `vacuum`],
    read: [
      `select a, length(a) from t order by a`,
      `select * from pragma_page_size, pragma_auto_vacuum, pragma_encoding`,
      `select * from pragma_application_id, pragma_user_version`,
    ],
  },
  "ANALYZE, with sqlite_stat4": {
    make: [
      `create table t (a, b)`,
      `create index ti on t (a, b)`,
      `with recursive n (i) as (select 1 union all select i + 1 from n limit 500)
        insert into t select i % 7, i from n`,
      `analyze`,
    ],
    write: [`insert into t values (1, 2)`, `analyze`],
    read: [`select count(*), sum(b) from t where a = 3 and b > 100`, `select * from sqlite_stat1`],
  },
  "columns that stock has changed by ALTER COLUMN": {
    make: [
      `create table u (id integer primary key, name text, age text, n int default 1)`,
      `create table a (id integer primary key, u int)`,
      `create index un on u (name, age)`,
      `insert into u (name, age) values ('x', '07'), (null, 'old')`,
      `alter table u alter column name to name text not null default 'none'`,
      `alter table u alter column age to age integer`,
      `alter table u alter column n to n real default (1 + 1)`,
      `alter table a alter column u to u int references u (id) on delete cascade`,
    ],
    write: [
      `insert into u (age) values ('08')`,
      `insert into u (name) values (null)`,
      `insert into a (u) values (1), (2)`,
      `insert into a (u) values (99)`,
      `delete from u where id = 1`,
      `update u set name = 'y' where name is null`,
    ],
    read: [
      `select *, typeof(name), typeof(age), typeof(n) from u order by id`,
      `select id from u indexed by un where name >= '' order by name, age`,
      `select * from a`,
      `select * from pragma_table_xinfo('u')`,
    ],
    onlyBy: "stock",
  },
  "vectors without an index": {
    make: [
      `create table t (id integer primary key, e F32_BLOB(3), f F64_BLOB(2), b F1BIT_BLOB(9))`,
      `insert into t values (1, vector('[1,2,3]'), vector64('[1,0.1]'), vector1bit('[1,-1,1,1,1,1,1,1,1]'))`,
      `insert into t values (2, vector('[3,2,1]'), vector64('[0,2]'), null)`,
    ],
    write: [
      `insert into t values (3, vector32('[0,0,1]'), vector64('[1e-3,5]'), null)`,
      `update t set e = vector('[9,9,9]') where id = 1`,
      `vacuum`,
    ],
    read: [
      `select id, e, f, b, vector_extract(e) from t order by id`,
      `select id from t order by vector_distance_l2(e, '[1,1,1]')`,
    ],
  },
};
