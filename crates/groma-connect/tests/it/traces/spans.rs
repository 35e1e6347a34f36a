//! Spans: Nezha, Zipkin, OTLP and Tempo, and how they become messages.

use super::*;

const NEZHA: &str =
    "TraceID,SpanID,ParentID,PodName,OperationName,StartTimeUnixNano,EndTimeUnixNano,Duration
aa01,01,root,gateway-6f6cfc45b-h5m2n,/*,1000,9000,8
aa01,03,02,auth-7f8d7d756d-k7b9j,login,3000,7000,4
aa01,02,01,gateway-6f6cfc45b-h5m2n,POST,2000,8000,6
";
const NEZHA_HEADER: &str =
    "TraceID,SpanID,ParentID,PodName,OperationName,StartTimeUnixNano,EndTimeUnixNano,Duration\n";

#[test]
fn a_nezha_span_is_a_call_from_the_pod_of_its_parent() {
    let heard = hear_bytes(NEZHA);
    assert_eq!(problems(&heard), [""; 0]);
    let (gateway, auth) = ("gateway-6f6cfc45b-h5m2n", "auth-7f8d7d756d-k7b9j");
    assert_eq!(
        arrows(&of_transaction(&heard, 1)),
        [format!("{gateway} < client"), format!("{gateway} > client!")]
    );
    assert_eq!(
        arrows(&of_transaction(&heard, 3)),
        [format!("{auth} < {gateway}"), format!("{auth} > {gateway}!")],
        "the parent comes later in the file"
    );
    let inside = of_transaction(&heard, 2);
    assert_eq!(
        arrows(&inside),
        [format!("{gateway} < {gateway}"), format!("{gateway} > {gateway}!")]
    );
    let called = of_transaction(&heard, 3);
    assert_eq!(called[0].parent_message, inside[0].message);
    assert_eq!(called[1].parent_message, called[0].message);
    assert_eq!((called[0].tree, called[0].parent_transaction), (0xaa01, 2));
    assert_eq!(called[0].service.as_deref(), Some("auth"));
}

#[test]
fn nezha_files_of_a_folder_are_read_together() {
    let (first, last) = NEZHA.split_at(NEZHA.rfind("aa01").unwrap());
    let placement = "pod,node\ngateway-6f6cfc45b-h5m2n,10.0.0.1\nauth-7f8d7d756d-k7b9j,10.0.0.2\n";
    let heard = hear_files(&[
        ("1.csv", first.as_bytes()),
        ("2.csv", format!("{NEZHA_HEADER}{last}").as_bytes()),
        ("pod_node.csv", placement.as_bytes()),
    ]);
    assert_eq!(problems(&heard), [""; 0]);
    assert_eq!(&*of_transaction(&heard, 3)[0].peer, "gateway-6f6cfc45b-h5m2n");
    let container = entity(&heard, "compute.container", "auth-7f8d7d756d-k7b9j")[0];
    assert_eq!(container.attributes, [("runs_on".into(), "host/10.0.0.2".into())]);
    assert_eq!(entity(&heard, "compute.host", "10.0.0.2").len(), 1);
    let told: Vec<_> = entity(&heard, "service.instance", "auth-7f8d7d756d-k7b9j")
        .iter()
        .flat_map(|it| it.attributes.iter().map(|(name, _)| name.to_string()))
        .collect();
    assert_eq!(told, ["service", "runs_on"]);
}

#[test]
fn a_span_in_two_files_has_the_same_messages() {
    let heard = hear_files(&[("1.csv", NEZHA.as_bytes()), ("2.csv", NEZHA.as_bytes())]);
    let counts = reconstructed(&heard.messages).counts;
    assert_eq!((counts.transactions, counts.duplicates, counts.messages), (3, 6, 6));
}

#[test]
fn a_parent_that_nobody_tells_of_leaves_the_caller_to_the_span() {
    let heard = hear_bytes(format!("{NEZHA_HEADER}aa01,03,02,auth,login,3000,7000,4\n"));
    assert_eq!(reconstructed(&heard.messages).counts.missing_parents, 1);
    let zipkin = r#"[{"traceId":"a","id":"3","parentId":"2","kind":"SERVER","localEndpoint":{"serviceName":"auth"}}]"#;
    assert_eq!(arrows(&of_transaction(&hear_bytes(zipkin), 3)), ["auth < unknown"]);
}

#[test]
fn bad_nezha_rows_are_problems() {
    let rows = "aa01,01,root,gateway,/*,1000,9000
xyz,01,root,gateway,/*,1000,9000,8
aa01,01,0,gateway,/*,1000,9000,8
aa01,01,root,,/*,1000,9000,8
aa01,01,root,gateway,/*,soon,9000,8
aa01,01,root,gateway,/*,,0,8
aa01,01,ro";
    let heard = hear_bytes(format!("{NEZHA_HEADER}{rows}"));
    let expected = [
        "file:2: there are 7 fields, not 8",
        "file:3: TraceID is not an id of 1 to 32 hex digits other than zero",
        "file:4: ParentID is not an id of 1 to 32 hex digits other than zero",
        "file:5: PodName is empty",
        "file:6: StartTimeUnixNano is not nanoseconds since 1970",
        "file:8: there are 3 fields, not 8",
    ];
    assert_eq!(problems(&heard), expected);
    assert_eq!((heard.messages.len(), heard.messages[0].time), (1, None));
}

/// A shared span: a client half, a server half, and a part that was reported late.
const ZIPKIN: &str = r#"[[
  {"traceId":"00000000000000010000000000000abc","id":"1","kind":"SERVER","timestamp":10,"duration":90,
   "localEndpoint":{"serviceName":"web","ipv4":"10.0.0.1"},"remoteEndpoint":{"ipv4":"9.9.9.9","port":5511}},
  {"traceId":"abc","id":"2","parentId":"1","kind":"CLIENT","timestamp":20,"duration":50,
   "localEndpoint":{"serviceName":"web","ipv4":"10.0.0.1"},"tags":{"http.status_code":"404"}},
  {"traceId":"abc","id":"2","parentId":"1","localEndpoint":{"serviceName":"auth","ipv4":"10.0.0.2"}}
 ],[
  {"traceId":"abc","id":"2","parentId":"1","kind":"SERVER","timestamp":15,"shared":true,
   "localEndpoint":{"serviceName":"auth","ipv4":"10.0.0.2","port":80},
   "tags":{"http.request.size":"7","http.response.size":"x"}},
  {"traceId":"abc","id":"3","parentId":"2","kind":"CLIENT","timestamp":16,"duration":1,
   "localEndpoint":{"serviceName":"auth","ipv4":"10.0.0.2"},"remoteEndpoint":{"serviceName":"mysql","ipv4":"10.0.0.9","port":3306}},
  {"traceId":"abc","id":"4","parentId":"2","kind":"CLIENT","timestamp":16,"duration":1,
   "localEndpoint":{"serviceName":"auth","ipv4":"10.0.0.2"},"remoteEndpoint":{"ipv6":"fe80::1","port":3306}},
  {"traceId":"abc","id":"5","parentId":"2","kind":"PRODUCER","timestamp":17,"duration":1,
   "localEndpoint":{"serviceName":"auth","ipv4":"10.0.0.2"},"remoteEndpoint":{"serviceName":"rabbitmq"}},
  {"traceId":"abc","id":"6","parentId":"5","kind":"CONSUMER","timestamp":18,"duration":1,
   "localEndpoint":{"serviceName":"mail","ipv4":"10.0.0.3"}}
]]"#;

#[test]
fn both_halves_of_a_shared_span_tell_of_one_message() {
    let heard = hear_bytes(ZIPKIN);
    assert_eq!(problems(&heard), [""; 0]);
    let halves = of_transaction(&heard, 2);
    assert_eq!(
        arrows(&halves),
        [
            "web@10.0.0.1 > auth@10.0.0.2",
            "web@10.0.0.1 < auth@10.0.0.2!",
            "auth@10.0.0.2 < web@10.0.0.1",
            "auth@10.0.0.2 < web@10.0.0.1",
        ]
    );
    assert!(halves.iter().filter(|it| !it.reply).all(|it| it.message == halves[0].message));
    assert_eq!((halves[1].status, halves[3].bytes, halves[2].time), (Some(404), Some(7), None));
    assert_eq!(halves[0].service.as_deref(), Some("auth"));
    assert!(heard.messages.iter().all(|it| it.tree == 0xabc), "the long id is the short one");
}

#[test]
fn what_the_span_says_names_the_other_end() {
    let heard = hear_bytes(ZIPKIN);
    let first = |transaction| arrow(of_transaction(&heard, transaction)[0]);
    assert_eq!(first(1), "web@10.0.0.1 < 9.9.9.9", "the port of a caller names nobody");
    assert_eq!(first(3), "auth@10.0.0.2 > mysql@10.0.0.9");
    assert_eq!(first(4), "auth@10.0.0.2 > [fe80::1]:3306");
    assert_eq!(arrows(&of_transaction(&heard, 5)), ["auth@10.0.0.2 > rabbitmq"], "one-way");
    assert_eq!(arrows(&of_transaction(&heard, 6)), ["mail@10.0.0.3 < auth@10.0.0.2"], "one-way");
}

#[test]
fn each_listener_of_a_shared_span_has_a_message_of_its_own() {
    let half = |kind: &str, process: &str, id: &str, parent: &str| {
        format!(
            r#"{{"traceId":"a","id":"{id}","parentId":"{parent}","kind":{kind},"localEndpoint":{{"serviceName":"{process}"}}}}"#
        )
    };
    let spans = [
        half("\"CLIENT\"", "bus", "2", "1"),
        half("\"SERVER\"", "x", "2", "1"),
        half("\"SERVER\"", "y", "2", "1"),
        half("null", "y", "3", "2"),
    ];
    let heard = hear_bytes(format!("[{}]", spans.join(",")));
    let halves = of_transaction(&heard, 2);
    assert_eq!(arrows(&halves), ["bus > x", "x < bus", "y < bus"]);
    assert_eq!(halves[0].message, halves[1].message);
    assert_ne!(halves[0].message, halves[2].message);
    let inside = of_transaction(&heard, 3);
    assert_eq!(arrows(&inside), ["y < y"]);
    assert_eq!(inside[0].parent_message, halves[2].message);
}

#[test]
fn bad_zipkin_spans_are_problems_and_the_others_are_read() {
    let bytes = r#"[{"traceId":"abc","id":"1","timestamp":1,"localEndpoint":{"serviceName":"a"}},
            7, "text", {"traceId":7,"id":"1"}, {"traceId":"a","id":"zz"}, {"traceId":"a","id":"1","kind":"CLIANT"},
            {"traceId":"a","id":"1","timestamp":9223372036854775807},
            {"traceId":"a","id":"1","timestamp":"soon"}, {"traceId":"a","id":"1","localEndpoint":[]},
            {"traceId":"a","id":"2"}]"#;
    let heard = hear_bytes(bytes);
    let reasons: Vec<_> = heard.problems.iter().map(|it| it.reason.as_str()).collect();
    let hex = "is not an id of 1 to 32 hex digits other than zero";
    assert_eq!(
        reasons,
        [
            "a span is an object",
            "a span is an object",
            "traceId is not a text",
            &format!("id {hex}"),
            "kind is not one of CLIENT, SERVER, PRODUCER, CONSUMER",
            "timestamp is not a whole number of microseconds",
            "timestamp is not a whole number of microseconds",
            "localEndpoint is not an object",
        ]
    );
    let third_ends = bytes.find(r#", {"traceId":"a","id":"zz"}"#).unwrap();
    assert_eq!(heard.problems[2].place, format!("file:byte {third_ends}"));
    let all: Vec<_> = heard.messages.iter().collect();
    assert_eq!(arrows(&all), ["a < a", "unknown < unknown"]);
}

#[test]
fn a_document_that_was_cut_gives_what_was_whole() {
    let cut = ZIPKIN.find("\"5\"").unwrap();
    let heard = hear_bytes(&ZIPKIN[..cut]);
    assert_eq!(heard.messages.iter().filter(|it| !it.reply).count(), 6);
    assert_eq!(heard.problems.len(), 1);
    let problem = &heard.problems[0];
    assert_eq!(problem.place, format!("file:byte {cut}"));
    assert!(problem.reason.starts_with("the document is cut off here"), "{}", problem.reason);
}

#[test]
fn after_a_broken_document_the_next_one_is_read() {
    let span = |id: &str| {
        format!(r#"[{{"traceId":"a","id":"{id}","localEndpoint":{{"serviceName":"p"}}}}]"#)
    };
    let bytes = format!("{}\n[{{\"traceId\":!}}]\n{}\n{}", span("1"), span("2"), span("3"));
    let heard = hear_bytes(bytes);
    let heard_of: Vec<_> = heard.messages.iter().map(|it| it.transaction).collect();
    assert_eq!((heard_of, heard.problems.len()), (vec![1, 2, 3], 1));
}

#[test]
fn bytes_that_are_not_utf8_are_replaced_and_told_of() {
    let mut bytes = ZIPKIN.as_bytes().to_vec();
    let at = ZIPKIN.find("web").unwrap();
    bytes[at] = 0xff;
    bytes[ZIPKIN.find("mysql").unwrap()] = 0xc3;
    let heard = hear_bytes(bytes);
    assert_eq!(heard.messages.len(), hear_bytes(ZIPKIN).messages.len());
    assert_eq!(
        problems(&heard),
        [format!(
            "file:byte {at}: 2 bytes are not UTF-8, the first of them here; read as \u{fffd}"
        )]
    );
}

#[test]
fn an_element_beyond_the_bound_ends_its_document() {
    let long = "x".repeat(17 << 20);
    let heard = hear_bytes(format!(
        "[{{\"traceId\":\"a\",\"id\":\"1\"}},{{\"traceId\":\"a\",\"name\":\"{long}\"}}]\n[{{\"traceId\":\"a\",\"id\":\"2\"}}]"
    ));
    let heard_of: Vec<_> = heard.messages.iter().map(|it| it.transaction).collect();
    assert_eq!(heard_of, [1, 2]);
    assert_eq!(heard.problems.len(), 1);
    assert!(
        heard.problems[0].reason.contains("more than 16777216 bytes"),
        "{:?}",
        heard.problems[0]
    );
}

/// The client's resource stands behind its spans; the server's span is in another document.
const OTLP: &str = r#"{"resourceSpans":[{"scopeSpans":[{"scope":{},"spans":[
 {"traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174","name":"GET","kind":3,
  "startTimeUnixNano":"1000","endTimeUnixNano":9000,"attributes":[{"key":"http.request.size","value":{"intValue":"12"}}]}]}],
 "resource":{"attributes":[{"key":"service.name","value":{"stringValue":"web"}},{"key":"k8s.pod.name","value":{"stringValue":"web-0"}},
  {"key":"k8s.node.name","value":{"stringValue":"node-1"}},{"key":"k8s.pod.ip","value":{"stringValue":"10.0.0.1"}}]}}]}
{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"auth"}},{"key":"host.name","value":{"stringValue":"vm-7"}}]},
 "scopeSpans":[{"spans":[
 {"traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b175","parentSpanId":"eee19b7ec3c1b174","kind":"SPAN_KIND_SERVER",
  "startTimeUnixNano":"2000","endTimeUnixNano":"8000","status":{"code":2},"attributes":[{"key":"http.response.body.size","value":{"intValue":34}}]},
 {"traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b176","parentSpanId":"eee19b7ec3c1b175","kind":3,
  "startTimeUnixNano":"3000","endTimeUnixNano":"4000","attributes":[{"key":"server.address","value":{"stringValue":"db.local"}},
   {"key":"network.peer.address","value":{"stringValue":"10.0.0.9"}},{"key":"network.peer.port","value":{"intValue":"5432"}},
   {"key":"session.id","value":{"stringValue":"77"}}],
  "events":[{"attributes":[{"key":"message.type","value":{"stringValue":"SENT"}},{"key":"message.uncompressed_size","value":{"intValue":5}}]}]},
 {"traceId":"5b8efff798038103d269b633813fc60c","spanId":"zz"}]}]}]}
"#;

#[test]
fn a_call_with_two_spans_is_one_message() {
    let heard = hear_bytes(OTLP);
    assert_eq!(heard.problems.len(), 1);
    assert_eq!(
        heard.problems[0].reason,
        "spanId is neither hex nor base64 of an id other than zero"
    );
    let client = of_transaction(&heard, 0xeee1_9b7e_c3c1_b174);
    assert_eq!(arrows(&client), ["web-0 > web-0", "web-0 < web-0!"]);
    assert_eq!((client[0].bytes, client[0].service.as_deref()), (None, Some("auth")));
    let server = of_transaction(&heard, 0xeee1_9b7e_c3c1_b175);
    assert_eq!(arrows(&server), ["auth@vm-7 < web-0", "auth@vm-7 > web-0!"]);
    let sizes = (server[0].bytes, server[1].bytes, server[1].status);
    assert_eq!(sizes, (Some(12), Some(34), Some(2)), "the request's size only the client knows");
}

#[test]
fn a_call_to_what_is_not_traced_is_the_clients_message() {
    let heard = hear_bytes(OTLP);
    let call = of_transaction(&heard, 0xeee1_9b7e_c3c1_b176);
    assert_eq!(arrows(&call), ["auth@vm-7 > db.local", "auth@vm-7 < db.local!"]);
    assert_eq!((call[0].bytes, call[1].bytes, call[0].session), (Some(5), None, 77));
}

#[test]
fn otlp_tells_where_its_processes_run() {
    let heard = hear_bytes(OTLP);
    let pod = entity(&heard, "compute.container", "web-0")[0];
    assert_eq!(
        pod.attributes,
        [("runs_on".into(), "host/node-1".into()), ("address".into(), "10.0.0.1".into())]
    );
    let instance = entity(&heard, "service.instance", "auth@vm-7")[0];
    assert_eq!(
        instance.attributes,
        [("service".into(), "auth".into()), ("runs_on".into(), "host/vm-7".into())]
    );
    assert_eq!(entity(&heard, "compute.host", "node-1").len(), 1);
}

#[test]
fn tempo_and_otlp_give_the_same_ids() {
    let span = |ids: &str| {
        format!(r#"[{{"scopeSpans":[{{"spans":[{{{ids},"kind":"SPAN_KIND_SERVER"}}]}}]}}]"#)
    };
    let tempo = span(r#""traceId":"O6VWCcPN5JZJzXfR+dzZNg==","spanId":"Sc130fnc2TY=""#);
    let otlp = span(r#""traceId":"3ba55609c3cde49649cd77d1f9dcd936","spanId":"49cd77d1f9dcd936""#);
    let heard =
        hear_bytes(format!("{{\"batches\":{tempo}}}\n{{\"trace\":{{\"resourceSpans\":{otlp}}}}}"));
    assert_eq!(problems(&heard), [""; 0]);
    assert_eq!((heard.messages.len(), &heard.messages[0]), (2, &heard.messages[1]));
}
