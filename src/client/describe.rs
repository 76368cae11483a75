//! Answers what a statement is, without running it.

use super::error::Error;
use super::row_sink::RecordSink;
use super::run::Run;
use crate::sqlite::{Column, Prepared, Row, RowSink, StatementEnd};
use crate::wire::records::Records;
use crate::wire::request::{Sql, Statement};

impl Run<'_> {
    /// Answers with a description of the statement, as JSON in a row of one column.
    pub fn describe(
        &mut self,
        statement: &Statement<'_>,
        records: &mut Records,
    ) -> Result<(), Error> {
        let client = self.caller.client;
        let description = match statement.sql {
            Sql::Text(sql) => self.connection.describe(sql)?,
            Sql::Id(id) => {
                let text = client.statement(id);
                let text =
                    text.ok_or(Error::MalformedRequest("a statement that was not defined"))?;
                self.connection.describe(&text)?
            }
        };
        let json = serde_json::to_string(&description)
            .map_err(|_| Error::MalformedRequest("a description that cannot be written"))?;
        let allow = |_: Prepared| Ok(());
        let mut sink = RecordSink::new(client, records, None, &allow, true);
        let columns = [Column { name: "description".to_owned(), declared_type: String::new() }];
        let shape = sink.shape(&columns);
        sink.row(shape, &Row::Text(&json), columns.len())?;
        sink.end_rows();
        sink.end(StatementEnd { shape: Some(shape), rows_affected: 0, last_insert_rowid: None });
        sink.forget_shape(shape);
        Ok(())
    }
}
