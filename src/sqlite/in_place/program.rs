//! Looks at the program of a statement, to find out whether its cost is bounded.
//!
//! A statement that runs on the thread of JavaScript must not hold that thread. The virtual machine checks
//! the progress handler at each jump back, so a loop can be ended. What happens inside one operation
//! cannot. So the operations are listed here of which each costs at most the depth of a B-tree and the
//! limit of a value's length (<https://sqlite.org/opcode.html>). A program with another one is not bounded:
//! `Count` walks through a whole table, `Clear` empties one, `Program` is a trigger, `VFilter` is the code
//! of a virtual table, which is only known to be short for `rarray`, the table of a list.
//!
//! One cost is not bounded: a row that is removed or overwritten gives its pages back, which takes about a
//! millisecond for each megabyte of the row.

use rusqlite::Connection;

/// What the program of a statement can cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    /// An operation can take long, or is not known.
    Unbounded,
    /// No operation takes long, but there are loops.
    Loops,
    /// There is no loop: the cost is bounded by the length of the program.
    Straight,
    /// There is no loop either, but an operation can fail after another one has changed something. Inside a
    /// transaction SQLite then keeps the change: it undoes a statement only if a constraint can fail so late.
    StraightInParts,
}

/// Operations that cost little. A jump back to one of their targets is a loop.
#[rustfmt::skip]
const BOUNDED: [&str; 158] = [
    "Abortable", "Add", "AddImm", "Affinity", "AggFinal", "AggInverse", "AggStep", "AggStep1",
    "AggValue", "And", "BeginSubrtn", "BitAnd", "BitNot", "BitOr", "Blob", "Cast", "Close",
    "ClrSubtype", "CollSeq", "Column", "ColumnsUsed", "Compare", "Concat", "Copy", "CursorHint",
    "CursorLock", "CursorUnlock", "DecrJumpZero", "DeferredSeek", "Delete", "Divide", "ElseEq",
    "EndCoroutine", "Eq", "Explain", "Filter", "FilterAdd", "FinishSeek", "FkCheck",
    "FkCounter", "FkIfZero", "Found", "Function", "Ge", "GetSubtype", "Gosub", "Goto", "Gt",
    "Halt", "HaltIfNull", "IdxDelete", "IdxGE", "IdxGT", "IdxInsert", "IdxLE", "IdxLT",
    "IdxRowid", "If", "IfEmpty", "IfNoHope", "IfNot", "IfNotOpen", "IfNotZero", "IfNullRow",
    "IfPos", "IfSizeBetween", "IfSmaller", "Init", "InitCoroutine", "Insert", "Int64",
    "IntCopy", "Integer", "IsNull", "IsTrue", "IsType", "Jump", "Last", "Le", "Lt",
    "MakeRecord", "MaxPgcnt", "MemMax", "Move", "Multiply", "MustBeInt", "Ne", "NewRowid",
    "Next", "NoConflict", "Noop", "Not", "NotExists", "NotFound", "NotNull", "Null", "NullRow",
    "Offset", "OffsetLimit", "Once", "OpenAutoindex", "OpenDup", "OpenEphemeral", "OpenPseudo",
    "OpenRead", "OpenWrite", "Or", "Permutation", "Prev", "PureFunc", "ReInit", "Real",
    "RealAffinity", "ReleaseReg", "Remainder", "ReopenIdx", "ResetCount", "ResetSorter",
    "ResultRow", "Return", "Rewind", "RowData", "RowSetAdd", "RowSetRead", "RowSetTest",
    "Rowid", "SCopy", "SeekEnd", "SeekGE", "SeekGT", "SeekHit", "SeekLE", "SeekLT", "SeekRowid",
    "SeekScan", "Sequence", "SequenceTest", "SetSubtype", "ShiftLeft", "ShiftRight", "SoftNull",
    "Sort", "SorterCompare", "SorterData", "SorterInsert", "SorterNext", "SorterOpen",
    "SorterSort", "String", "String8", "Subtract", "TableLock", "Trace", "Transaction",
    "TypeCheck", "Variable", "Yield", "ZeroOrNull",
];

/// Those of them that go on at their second operand.
#[rustfmt::skip]
const JUMPS: [&str; 62] = [
    "BeginSubrtn", "DecrJumpZero", "ElseEq", "EndCoroutine", "Eq", "Filter", "FkIfZero",
    "Found", "Ge", "Gosub", "Goto", "Gt", "IdxGE", "IdxGT", "IdxLE", "IdxLT", "If", "IfEmpty",
    "IfNoHope", "IfNot", "IfNotOpen", "IfNotZero", "IfNullRow", "IfPos", "IfSizeBetween",
    "IfSmaller", "Init", "InitCoroutine", "IsNull", "IsType", "Jump", "Last", "Le", "Lt",
    "MustBeInt", "Ne", "Next", "NoConflict", "NotExists", "NotFound", "NotNull", "Once", "Prev",
    "ReInit", "Return", "Rewind", "RowSetRead", "RowSetTest", "SeekGE", "SeekGT", "SeekLE",
    "SeekLT", "SeekRowid", "SeekScan", "SequenceTest", "Sort", "SorterCompare", "SorterNext",
    "SorterSort", "VFilter", "VNext", "Yield",
];

/// Operations of virtual tables, which cost little for a list. The first operand is the cursor.
const LIST_OPERATIONS: [&str; 3] = ["VColumn", "VFilter", "VNext"];

/// A statement that opens a cursor on the table of lists and on no other virtual table.
const LIST: &str = "SELECT value FROM rarray(NULL)";

/// Functions whose cost is bounded by the length of their arguments. `like`, `instr`, `replace` and their
/// kind can cost its square.
#[rustfmt::skip]
const FUNCTIONS: [&str; 106] = [
    "->", "->>", "abs", "acos", "asin", "atan", "atan2", "atn2", "avg", "ceil",
    "ceiling", "char", "coalesce", "concat", "concat_ws", "cos", "cot", "coth", "count",
    "cume_dist", "date", "datetime", "degrees", "dense_rank", "exp", "first_value",
    "floor", "group_concat", "hex", "if", "ifnull", "iif", "json", "json_array",
    "json_array_length", "json_extract", "json_group_array", "json_group_object",
    "json_object", "json_type", "json_valid", "julianday", "lag", "last_value", "lead",
    "leftstr", "length", "ln", "log", "log10", "log2", "lower", "ltrim", "max", "min",
    "mod", "nth_value", "ntile", "nullif", "octet_length", "padc", "padl", "padr",
    "percent_rank", "pi", "pow", "power", "proper", "quote", "radians", "random",
    "randomblob", "rank", "replicate", "reverse", "rightstr", "round", "row_number",
    "rtrim", "sign", "sin", "sqrt", "square", "stdev", "strftime", "string_agg",
    "substr", "substring", "subtype", "sum", "tan", "time", "timediff", "total", "trim",
    "trunc", "typeof", "unhex", "unicode", "unixepoch", "upper", "uuid", "uuid_blob",
    "uuid_str", "variance", "zeroblob",
];

/// Operations that remove an entry. The next one may have to read the old row, or to make a record, which is
/// an error if it is too long. Where nothing is removed, all records are made before the first change, but
/// the count of violated deferred foreign keys.
const REMOVALS: [&str; 2] = ["Delete", "IdxDelete"];

/// `Halt` that keeps earlier changes of the statement (FAIL) or ends the transaction (ROLLBACK).
const KEEPS_OR_ENDS: [i64; 2] = [1, 3];

/// One operation of a program.
struct Operation {
    address: i64,
    code: String,
    operands: [i64; 3],
    text: Option<String>,
}

/// Operations that make a value, which takes as long as the value is.
const MAKERS: [&str; 7] =
    ["AggFinal", "AggValue", "Column", "Concat", "Function", "PureFunc", "VColumn"];

impl Program {
    /// Looks at the program of a statement. Prepares an EXPLAIN of it. Returns the number of values that it
    /// makes, loops not counted, too.
    pub fn of(connection: &Connection, sql: &str) -> (Self, usize) {
        let Ok((operations, lists)) = operations_and_lists(connection, sql) else {
            return (Self::Unbounded, 0);
        };
        let is_maker = |operation: &&Operation| MAKERS.contains(&operation.code.as_str());
        (judge(&operations, &lists), operations.iter().filter(is_maker).count())
    }
}

/// The operations of a statement, and the cursors of its lists. None is said to be one where the statement has another
/// virtual table, too.
fn operations_and_lists(
    connection: &Connection,
    sql: &str,
) -> rusqlite::Result<(Vec<Operation>, Vec<i64>)> {
    let operations = operations_of(connection, sql)?;
    if !operations.iter().any(opens_virtual_table) {
        return Ok((operations, Vec::new()));
    }
    // An EXPLAIN names a virtual table by its address. That of `rarray` is taken from now on, as long as the
    // connection is open: the second look at the statement cannot find another table there.
    let known = operations_of(connection, LIST)?;
    let list = known.iter().find(|operation| opens_virtual_table(operation));
    let operations = operations_of(connection, sql)?;
    let mut cursors = Vec::new();
    for open in operations.iter().filter(|operation| opens_virtual_table(operation)) {
        if open.text.is_none() || list.is_none_or(|list| list.text != open.text) {
            return Ok((operations, Vec::new()));
        }
        cursors.push(open.operands[0]);
    }
    Ok((operations, cursors))
}

fn opens_virtual_table(operation: &Operation) -> bool {
    operation.code == "VOpen"
}

fn operations_of(connection: &Connection, sql: &str) -> rusqlite::Result<Vec<Operation>> {
    let mut statement = connection.prepare(&format!("EXPLAIN {sql}"))?;
    // The parameters have no values, which an EXPLAIN does not need.
    let rows = statement.raw_query().mapped(|row| {
        Ok(Operation {
            address: row.get(0)?,
            code: row.get(1)?,
            operands: [row.get(2)?, row.get(3)?, row.get(4)?],
            text: row.get(5)?,
        })
    });
    rows.collect()
}

fn judge(operations: &[Operation], lists: &[i64]) -> Program {
    if !operations.iter().all(|operation| is_bounded(operation, lists)) {
        return Program::Unbounded;
    }
    // The last operation goes back to the first one after `Init`, once.
    let (last, others) = operations.split_last().map_or((None, operations), |(l, o)| (Some(l), o));
    let has_loop = others.iter().any(goes_back)
        || last
            .is_some_and(|last| goes_back(last) && !(last.code == "Goto" && last.operands[1] == 1));
    let has_parts = operations.iter().any(|operation| {
        let is_deferred = operation.operands[0] != 0;
        REMOVALS.contains(&operation.code.as_str()) || operation.code == "FkCounter" && is_deferred
    });
    match (has_loop, has_parts) {
        (true, _) => Program::Loops,
        (false, true) => Program::StraightInParts,
        (false, false) => Program::Straight,
    }
}

fn is_bounded(operation: &Operation, lists: &[i64]) -> bool {
    let [error, second, _] = operation.operands;
    let code = operation.code.as_str();
    if opens_virtual_table(operation) || LIST_OPERATIONS.contains(&code) {
        return lists.contains(&operation.operands[0]);
    }
    BOUNDED.contains(&code)
        && match code {
            "Function" | "PureFunc" | "AggStep" | "AggStep1" | "AggFinal" | "AggInverse"
            | "AggValue" => is_known_function(operation.text.as_deref()),
            "Halt" | "HaltIfNull" => error == 0 || !KEEPS_OR_ENDS.contains(&second),
            _ => true,
        }
}

/// Whether a text like `length(1)` names a function of the list.
fn is_known_function(text: Option<&str>) -> bool {
    let name = text.and_then(|text| text.split('(').next()).unwrap_or_default();
    FUNCTIONS.contains(&name.to_ascii_lowercase().as_str())
}

fn goes_back(operation: &Operation) -> bool {
    let code = operation.code.as_str();
    // A coroutine goes on wherever it stopped.
    let is_coroutine = matches!(code, "Yield" | "InitCoroutine");
    // 0 stands for no target: the operation then fails instead.
    let back = |target: i64| target != 0 && target <= operation.address;
    is_coroutine
        || JUMPS.contains(&code)
            && match code {
                // These go to an address in a register: to the end of the subroutine's caller.
                "Return" | "EndCoroutine" => false,
                "Jump" => operation.operands.iter().any(|target| back(*target)),
                _ => back(operation.operands[1]),
            }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::sqlite::functions;
    use crate::sqlite::libsql::vector_functions;

    const SCHEMA: &str = "
        create table t (id integer primary key, a integer, b text);
        create unique index t_a on t (a);
        create table parent (id integer primary key);
        create table child (id integer primary key, parent references parent (id));
        create table cascade (id integer primary key, parent references parent (id) on delete cascade);
        create table earlier (id integer primary key);
        create table later (id integer primary key, earlier references earlier (id)
            deferrable initially deferred);
        create table indexed (id integer primary key, a);
        create index indexed_a on indexed (a);
        create table counted (id integer primary key autoincrement, a);
        create table watched (id integer primary key, a);
        create trigger w after insert on watched begin insert into t (a) values (new.a); end;
        create table keyed (a text, b text, primary key (a, b)) without rowid;
        create virtual table words using fts5(text);
        create view v as select a, b from t where a > 1;
        create table vectors (id integer primary key, e F32_BLOB(3));
        create index vectors_e on vectors (libsql_vector_idx(e));
    ";

    #[test]
    fn programs_are_judged_by_their_operations() {
        use Program::{Loops, Straight, StraightInParts, Unbounded};
        let connection = Connection::open_in_memory().unwrap();
        vector_functions::register(&connection, &Arc::default()).unwrap();
        functions::register(&connection).unwrap();
        rusqlite::vtab::array::load_module(&connection).unwrap();
        connection.execute_batch(SCHEMA).unwrap();
        let cases = [
            // One row, by its rowid or a unique key.
            (Straight, "select * from t where id = ?"),
            (Straight, "select b from t where a = ?"),
            (Straight, "select id, a + 1, upper(b) from t where id = ?"),
            (Straight, "select a from keyed where a = ? and b = ?"),
            (Straight, "select 1"),
            (Straight, "select ? + 1, typeof(?)"),
            (Straight, "select json_extract(?, '$.a')"),
            (Straight, "select uuid(), reverse(b) from t where id = ?"),
            (Straight, "insert into t (a, b) values (?, uuid())"),
            (Straight, "select coalesce(b, 'x') from t where id = ? and a > 3"),
            (Straight, "select case when a > 1 then 'x' else b end from t where id = 1"),
            (Straight, "select t.b, p.id from t join parent p on p.id = t.a where t.id = ?"),
            (Loops, "select max(id) from t"),
            (Loops, "select min(a) from t"),
            // One row written.
            (Straight, "insert into t values (?, ?, ?)"),
            (Straight, "insert into t (a, b) values (1, 'x')"),
            (Straight, "insert into t (a) values (?) on conflict (a) do nothing"),
            (Straight, "insert into keyed values (?, ?)"),
            (Straight, "insert into child values (?, ?)"),
            (Straight, "insert into parent values (?)"),
            (Straight, "insert or ignore into t values (?, ?, ?)"),
            (Straight, "update t set b = ? where id = ?"),
            (Straight, "update t set b = ? where a = ?"),
            (Straight, "update t set b = b || 'x' where id = ?"),
            // One row removed, or a violation counted.
            (StraightInParts, "delete from indexed where id = ?"),
            (StraightInParts, "update indexed set a = ? where id = ?"),
            (StraightInParts, "replace into indexed values (?, ?)"),
            (StraightInParts, "insert into later values (?, ?)"),
            // Loops.
            (Loops, "select * from t"),
            (Loops, "select * from t where b = ?"),
            (Loops, "select * from t where id in (1, 2, 3)"),
            (Loops, "select * from t where id > ? limit 10"),
            (Loops, "select * from t order by b"),
            (Loops, "select a from v"),
            (Loops, "select sum(a), avg(a) from t"),
            (Loops, "select b, count(a) from t group by b"),
            (Loops, "select distinct b from t"),
            (Loops, "select * from t union select * from t"),
            (Loops, "select (select max(b) from t) from parent"),
            (Loops, "select a, row_number() over (order by a) from t"),
            (
                Loops,
                "with recursive n (i) as (select 1 union all select i + 1 from n) select i from n",
            ),
            (Loops, "select * from t where id in (select +value from rarray(?))"),
            (Loops, "select * from t where a not in (select +value from rarray(?)) and id > 3"),
            (Loops, "select b from t where id in (select +value from rarray(?)) and a in (1, 2)"),
            (
                Unbounded,
                "select * from t where id in (select +value from rarray(?)) and a in (select key from json_each(?))",
            ),
            (Loops, "delete from indexed where id in (select +value from rarray(?))"),
            (Loops, "insert into t (a) values (1), (2)"),
            (Loops, "insert into t (a) select id from parent"),
            (Loops, "insert into counted (a) values (?)"),
            (Loops, "update t set b = ? where b = ?"),
            // One operation that takes long, or may.
            (Unbounded, "select count(*) from t"),
            (Unbounded, "delete from t"),
            (StraightInParts, "delete from t where id = ?"),
            (Unbounded, "delete from parent where id = ?"),
            (StraightInParts, "insert or replace into t values (?, ?, ?)"),
            (StraightInParts, "replace into t values (?, ?, ?)"),
            (Unbounded, "insert or rollback into t values (?, ?, ?)"),
            (Unbounded, "insert or fail into t values (?, ?, ?)"),
            (Unbounded, "insert into watched values (?, ?)"),
            (Unbounded, "select * from words where words match ?"),
            (Unbounded, "insert into words values (?)"),
            (Unbounded, "select * from t where b like ?"),
            (Unbounded, "select instr(b, ?) from t where id = ?"),
            (Unbounded, "select b regexp ? from t where id = ?"),
            (Unbounded, "select sha3(b) from t where id = ?"),
            (Unbounded, "select median(a) from t"),
            (Unbounded, "select value from generate_series(1, 3)"),
            (Unbounded, "select replace(b, ?, ?) from t where id = ?"),
            (Unbounded, "select printf('%*d', 1000000, 1)"),
            (Unbounded, "select last_insert_rowid()"),
            (Unbounded, "select changes(), total_changes()"),
            (Unbounded, "select load_extension('x')"),
            (Unbounded, "select * from pragma_table_info('t')"),
            (Unbounded, "select value from json_each(?)"),
            (Unbounded, "select * from t where id in (select value from json_each(?))"),
            (
                Unbounded,
                "select 1 from words where words match ? and rowid in (select +value from rarray(?))",
            ),
            (Unbounded, "select id from vector_top_k('i', ?, 3)"),
            (Unbounded, "select t.id from vector_top_k('i', ?, 3) v join t on t.id = v.id limit 1"),
            (Unbounded, "select vector32(?)"),
            (Unbounded, "insert into vectors values (?, ?)"),
            (Unbounded, "select value from generate_series(1, 1000000)"),
            (Unbounded, "create table other (a)"),
            (Unbounded, "create index t_b on t (b)"),
            (Unbounded, "drop table t"),
            (Unbounded, "alter table t add column c"),
            (Unbounded, "vacuum"),
            (Unbounded, "analyze"),
            (Unbounded, "reindex"),
            (Unbounded, "begin"),
            (Unbounded, "commit"),
            (Unbounded, "savepoint s"),
            (Unbounded, "pragma user_version"),
            (Unbounded, "pragma journal_mode"),
            (Unbounded, "pragma integrity_check"),
            (Unbounded, "attach ':memory:' as other"),
            (Unbounded, "no statement"),
        ];
        let wrong: Vec<_> = cases
            .iter()
            .map(|(expected, sql)| (*expected, Program::of(&connection, sql).0, *sql))
            .filter(|(expected, found, _)| expected != found)
            .collect();
        assert!(wrong.is_empty(), "{wrong:#?}");
    }
}
