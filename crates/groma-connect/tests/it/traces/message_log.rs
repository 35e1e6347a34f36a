//! Groma's own record, as JSON lines, CSV and Parquet.

use groma_events::{SegmentOptions, SegmentWriter};
use groma_trace::id_of_text;

use super::*;

const JSON: &str = r#"
{"time":"2026-11-20T10:00:00Z","process":"esb-1","direction":"receive","peer":"10.9.0.7","message":1,"transaction":"26","session":"s-1","service":"order","bytes":812}
{"time":1795168800002000000,"process":"esb-1","direction":"send","peer":"10.1.0.4:8080","message":"2","parent_message":1,"transaction":"26-1","service":"stock"}
{"time":null,"process":"esb-1","direction":"recv","peer":"10.1.0.4:8080","message":3,"parent_message":2,"transaction":"26-1","status":200,"bytes":0}
{"process":"esb-1","direction":"send","peer":"10.9.0.7","message":4,"parent_message":1,"transaction":"26","status":-1}
"#;

const CSV: &str =
    "time,process,direction,peer,message,parent_message,transaction,session,service,bytes,status
2026-11-20T10:00:00Z,esb-1,receive,10.9.0.7,1,,26,s-1,order,812,
1795168800002000000,esb-1,send,10.1.0.4:8080,2,1,26-1,,stock,,
,esb-1,recv,\"10.1.0.4:8080\",3,2,26-1,,,0,200
,esb-1,send,10.9.0.7,4,1,26,,,,-1
";

#[test]
fn json_and_csv_say_the_same() {
    let json = hear_bytes(JSON);
    let csv = hear_bytes(CSV);
    assert_eq!(problems(&json), [""; 0]);
    assert_eq!(problems(&csv), [""; 0]);
    assert_eq!(json.messages, csv.messages);
    let all: Vec<_> = json.messages.iter().collect();
    assert_eq!(
        arrows(&all),
        [
            "esb-1 < 10.9.0.7",
            "esb-1 > 10.1.0.4:8080",
            "esb-1 < 10.1.0.4:8080!",
            "esb-1 > 10.9.0.7!",
        ]
    );
    let [first, second, third, fourth] = &json.messages[..] else { panic!("four records") };
    assert_eq!(second.time.unwrap().0 - first.time.unwrap().0, 2_000_000);
    assert_eq!((third.time, third.bytes, third.status), (None, Some(0), Some(200)));
    assert_eq!(
        (first.session, fourth.status, first.bytes),
        (id_of_text("s-1"), Some(-1), Some(812))
    );
    assert!(json.messages.iter().all(|it| it.tree == id_of_text("26")));
    assert_eq!((second.parent_transaction, first.parent_transaction), (id_of_text("26"), 0));
}

#[test]
fn parquet_gives_back_what_was_written() {
    let messages = hear_bytes(JSON).messages;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.parquet");
    let mut batch = MessageBatch::default();
    messages.iter().for_each(|message| batch.push(message));
    let mut writer = SegmentWriter::create(&path, SegmentOptions::default()).unwrap();
    writer.write(&batch).unwrap();
    writer.finish().unwrap();
    let heard = hear(&path);
    assert_eq!(problems(&heard), [""; 0]);
    assert_eq!(heard.messages, messages);

    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    let cut = hear(&path);
    assert_eq!((cut.messages.len(), cut.problems.len()), (0, 1));
    assert!(cut.problems[0].reason.ends_with("is not a readable Parquet file"));
}

#[test]
fn a_parquet_file_that_is_no_message_log_is_a_problem() {
    use arrow::array::{ArrayRef, StringArray};
    let column: ArrayRef = std::sync::Arc::new(StringArray::from(vec!["p"]));
    let rows = arrow::array::RecordBatch::try_from_iter([("process", column)]).unwrap();
    let mut bytes = Vec::new();
    let mut writer = parquet::arrow::ArrowWriter::try_new(&mut bytes, rows.schema(), None).unwrap();
    writer.write(&rows).unwrap();
    writer.close().unwrap();
    let heard = hear_bytes(bytes);
    assert_eq!((heard.messages.len(), heard.problems.len()), (0, 1));
    let reason = &heard.problems[0].reason;
    assert!(reason.ends_with("is not a message log: it has no column \"direction\""), "{reason}");
}

#[test]
fn the_names_of_an_esb_log_are_understood() {
    let log = "ts_ns,esb_process,dir,peer_ip:port,msg_id,parent_msg_id,tx_id,root_tx_id,session_id,service,bytes,status
5,esb-1,recv,10.0.0.1:80,0xff,,a1,b2,c3,order,7,0
";
    let heard = hear_bytes(log);
    assert_eq!(problems(&heard), [""; 0]);
    let record = &heard.messages[0];
    assert_eq!((record.time, record.transaction, record.tree), (Some(Timestamp(5)), 0xa1, 0xb2));
    assert_eq!((record.session, record.bytes, record.status), (0xc3, Some(7), Some(0)));
}

#[test]
fn a_tree_is_found_through_the_parents() {
    let line = |transaction: &str, parent: &str| {
        format!(
            r#"{{"process":"p","direction":"send","peer":"q","message":"m{transaction}","transaction":"{transaction}","parent_transaction":"{parent}"}}"#
        )
    };
    let log = [line("order", ""), line("stock", "order"), line("disk", "stock"), line("x", "y")];
    let heard = hear_bytes(log.join("\n"));
    let trees: Vec<_> = heard.messages.iter().map(|it| it.tree).collect();
    let order = id_of_text("order");
    assert_eq!(trees, [order, order, order, id_of_text("y")]);
}

#[test]
fn a_reply_may_be_said_and_is_then_believed() {
    let log = r#"{"process":"p","direction":"send","peer":"q","message":1,"transaction":9,"reply":true}
{"process":"p","direction":"receive","peer":"q","message":2,"transaction":9,"parent_message":1,"reply":false}
{"process":"p","direction":"receive","peer":"r","message":3,"transaction":9,"parent_message":1}"#;
    let replies: Vec<_> = hear_bytes(log).messages.iter().map(|it| it.reply).collect();
    assert_eq!(replies, [true, false, false], "the third goes another way");
}

#[test]
fn a_bad_line_is_a_problem_and_the_rest_is_read() {
    let good = r#"{"process":"p","direction":"send","peer":"q","message":1,"transaction":9}"#;
    let lines: &[&[u8]] = &[
        good.as_bytes(),
        br#"{"process":"p","direction":"send","peer":"q","message":2,"trans"#,
        b"{\"process\":\"p\xff\",\"direction\":\"send\",\"message\":2,\"transaction\":9}",
        br#"{"process":7,"direction":"send","peer":"q","message":2,"transaction":9}"#,
        br#"{"process":"p","direction":"up","peer":"q","message":2,"transaction":9}"#,
        br#"{"process":"p","direction":"send","peer":"q","message":0,"transaction":9}"#,
        br#"{"process":"p","direction":"send","message":2,"transaction":9,"bytes":-3,"time":"soon","status":1.5,"colour":"red"}"#,
        br#"[1,2]"#,
        b"",
        good.as_bytes(),
    ];
    let heard = hear_bytes(lines.join(&b'\n'));
    assert_eq!(heard.messages.len(), 3);
    let found = problems(&heard);
    let expected = [
        "file:2: is no JSON object: EOF while parsing a string at line 1 column 63",
        "file:3: byte 14 of the line is not UTF-8",
        "file:4: process is not a text",
        "file:5: direction is neither send nor receive",
        "file:6: message is missing",
        "file:7: no field of a message log is called \"colour\"",
        "file:7: time is neither a time such as 2026-11-20T10:00:00Z nor nanoseconds since 1970",
        "file:7: bytes is below zero",
        "file:7: status is not a whole number of 32 bits",
        "file:8: is no JSON object: invalid type: sequence, expected an object at line 1 column 0",
    ];
    assert_eq!(found, expected);
    let odd = &heard.messages[1];
    assert_eq!((&*odd.peer, odd.bytes, odd.time), ("unknown", None, None));
}

#[test]
fn a_bad_row_is_a_problem_and_the_rest_is_read() {
    let log = b"process,direction,message,transaction,colour,message
p,send,1,9,red,2
p,send,1,9,red
p,send,1,9,\"red,2
\xff,send,1,9,red,2
p,send,,9,red,
p,send,1,9,red,3
";
    let heard = hear_bytes(log);
    let messages: Vec<_> = heard.messages.iter().map(|it| it.message).collect();
    assert_eq!(messages, [2, 3]);
    let expected = [
        "file:1: no field of a message log is called so",
        "file:1: the field has two columns; the last counts",
        "file:3: there are 5 fields, not 6",
        "file:4: a quote is not closed on its line",
        "file:5: byte 1 of the line is not UTF-8",
        "file:6: message is missing",
    ];
    assert_eq!(problems(&heard), expected);
}

#[test]
fn a_line_beyond_the_bound_is_skipped() {
    let good = r#"{"process":"p","direction":"send","peer":"q","message":1,"transaction":9}"#;
    let long = "x".repeat(groma_connect::lines::LINE_LENGTH_MAX + 1);
    let heard = hear_bytes(format!("{good}\n{{\"process\":\"{long}\n{good}"));
    assert_eq!((heard.messages.len(), heard.problems.len()), (2, 1));
    assert!(heard.problems[0].reason.contains("more than the"), "{:?}", heard.problems[0].reason);
}

#[test]
fn ids_that_stand_twice_are_duplicates() {
    let doubled = format!("{JSON}{JSON}");
    let counts = reconstructed(&hear_bytes(doubled).messages).counts;
    assert_eq!((counts.messages, counts.duplicates), (4, 4));
}

#[test]
fn problems_without_end_are_only_counted() {
    let good = r#"{"process":"p","direction":"send","peer":"q","message":1,"transaction":9}"#;
    let heard = hear_bytes(format!("{good}\n{}", "?\n".repeat(10_005)));
    assert_eq!(heard.problems.len(), 10_001);
    assert_eq!(heard.problems.last().unwrap().reason, "5 more problems are not listed");
}

#[test]
fn the_samples_of_the_manual_are_read() {
    let manual = include_str!("../../../../../docs/message-log.md");
    let sample = |language: &str| {
        let start = manual.split_once(&format!("```{language}\n")).unwrap().1;
        hear_bytes(start.split_once("```").unwrap().0)
    };
    let (json, csv) = (sample("json"), sample("csv"));
    assert_eq!((problems(&json), problems(&csv)), (vec![], vec![]));
    assert_eq!(json.messages, csv.messages);
    let replies: Vec<_> = json.messages.iter().map(|it| it.reply).collect();
    assert_eq!(replies, [false, false, true, true]);
}

#[test]
fn a_file_of_lines_is_known_by_its_name_when_its_start_is_broken() {
    let good = r#"{"process":"p","direction":"send","peer":"q","message":1,"transaction":9}"#;
    let bytes = format!("{}\n{good}", "x".repeat(5000));
    let heard = hear_files(&[("log.jsonl", bytes.as_bytes())]);
    assert_eq!((heard.messages.len(), heard.problems.len()), (1, 1));
}
