//! Another process for the tests: a second instance of the test program, which obeys orders.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use rusqlite::Connection;

/// This variable is set in the child's environment.
const IS_CHILD: &str = "LATCHDB_TEST_CHILD";
/// The prefix of the child's answers. The test harness also writes to standard output.
const ANSWER: &str = "child says ";

/// A child process that has a database open. Dropping it kills the process.
pub struct Process {
    child: Child,
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Process {
    pub fn start() -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "swap::database::process::child", "--nocapture", "--test-threads=1"])
            .env(IS_CHILD, "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let orders = child.stdin.take();
        let answers = BufReader::new(child.stdout.take().unwrap());
        Self { child, orders, answers }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Opens a database, and reads it.
    pub fn open(&mut self, path: &Path) {
        assert_eq!(self.ask(&format!("open {}", path.display())), "ok");
        self.run("SELECT count(*) FROM sqlite_schema");
    }

    pub fn run(&mut self, sql: &str) {
        assert_eq!(self.try_run(sql), "ok");
    }

    /// Runs a statement. Returns "ok" or SQLite's message.
    pub fn try_run(&mut self, sql: &str) -> String {
        self.ask(&format!("run {sql}"))
    }

    pub fn close(&mut self) {
        assert_eq!(self.ask("close"), "ok");
    }

    /// Closes the database without waiting for the answer.
    pub fn close_soon(&mut self) {
        self.tell("close");
    }

    /// Keeps inserting consecutive numbers into the table `old`, by one connection that stays open,
    /// or by a new connection for each.
    pub fn write_continuously(mut self, path: &Path, stays_open: bool) -> Self {
        assert_eq!(self.ask(&format!("write {stays_open} {}", path.display())), "ok");
        self
    }

    /// Stops inserting. Returns the numbers whose commit was acknowledged.
    pub fn stop(mut self) -> Vec<i64> {
        let answer = self.ask("stop");
        let numbers = answer.split_whitespace().map(|number| number.parse().unwrap()).collect();
        self.end();
        numbers
    }

    /// Ends the process normally.
    pub fn end(mut self) {
        drop(self.orders.take());
        self.child.wait().unwrap();
    }

    /// Kills the process.
    pub fn kill(self) {
        drop(self);
    }

    fn tell(&mut self, order: &str) {
        writeln!(self.orders.as_mut().unwrap(), "{order}").unwrap();
    }

    fn ask(&mut self, order: &str) -> String {
        self.tell(order);
        let mut line = String::new();
        loop {
            line.clear();
            assert_ne!(self.answers.read_line(&mut line).unwrap(), 0, "the child has ended");
            if let Some((_, answer)) = line.split_once(ANSWER) {
                return answer.trim_end().to_owned();
            }
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn child() {
    if std::env::var_os(IS_CHILD).is_none() {
        return;
    }
    let mut connection = None;
    let mut writer = None;
    let stop = Arc::new(AtomicBool::new(false));
    for order in std::io::stdin().lines() {
        let order = order.unwrap();
        let (verb, rest) = order.split_once(' ').unwrap_or((&order, ""));
        let answer = match verb {
            "open" => {
                connection = Some(Connection::open(rest).unwrap());
                "ok".to_owned()
            }
            "run" => {
                let connection = connection.as_ref().unwrap();
                connection.busy_timeout(Duration::from_millis(1)).unwrap();
                match connection.execute_batch(rest) {
                    Ok(()) => "ok".to_owned(),
                    Err(error) => error.to_string(),
                }
            }
            "close" => {
                drop(connection.take());
                "ok".to_owned()
            }
            "write" => {
                let (stays_open, path) = rest.split_once(' ').unwrap();
                let (stays_open, path) = (stays_open == "true", path.to_owned());
                let stop = Arc::clone(&stop);
                writer = Some(thread::spawn(move || write(&path, stays_open, &stop)));
                "ok".to_owned()
            }
            "stop" => {
                stop.store(true, Ordering::Relaxed);
                let numbers: Vec<i64> = writer.take().unwrap().join().unwrap();
                numbers.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
            }
            _ => unreachable!("{order}"),
        };
        println!("{ANSWER}{answer}");
    }
}

fn write(path: &str, stays_open: bool, stop: &AtomicBool) -> Vec<i64> {
    let mut acknowledged = Vec::new();
    let mut connection = None;
    for number in 100.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let open = connection.get_or_insert_with(|| Connection::open(path).unwrap());
        open.busy_timeout(if stays_open { Duration::from_millis(50) } else { Duration::ZERO })
            .unwrap();
        if open.execute("INSERT INTO old VALUES (?)", [number]).is_ok() {
            acknowledged.push(number);
        }
        if !stays_open {
            connection = None;
        }
        // Leave time for the swaps.
        thread::sleep(Duration::from_millis(2));
    }
    acknowledged
}
