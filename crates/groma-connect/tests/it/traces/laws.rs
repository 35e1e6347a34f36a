//! Whatever the bytes: no panic, and every problem says where and why.

use proptest::prelude::*;

use super::*;

const NEZHA: &[u8] =
    b"TraceID,SpanID,ParentID,PodName,OperationName,StartTimeUnixNano,EndTimeUnixNano,Duration
aa01,01,root,gateway-6f6cfc45b-h5m2n,/*,1000,9000,8
aa01,02,01,auth-7f8d7d756d-k7b9j,\"a,b\",2000,8000,6
";
const PLACEMENT: &[u8] = b"pod,node\nauth-7f8d7d756d-k7b9j,10.0.0.2\n";
const CSV: &[u8] = b"process,direction,message,transaction,parent_message,time,bytes
p,send,1,26-1,,2026-11-20T10:00:00Z,7
p,recv,2,26-1,1,9,
";
const JSON: &[u8] = br#"{"process":"p","direction":"send","peer":"q","message":1,"transaction":"26-1","time":5}
{"process":"p","direction":"receive","peer":"q","message":"2","transaction":"26-1","parent_message":1}
"#;
const ZIPKIN: &[u8] = br#"[{"traceId":"abc","id":"1","kind":"CLIENT","timestamp":10,"duration":90,
"localEndpoint":{"serviceName":"web","ipv4":"10.0.0.1"},"remoteEndpoint":{"ipv4":"9.9.9.9","port":5511}},
{"traceId":"abc","id":"2","parentId":"1","kind":"SERVER","tags":{"http.status_code":"200"}}]"#;
const OTLP: &[u8] = br#"{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"a"}}]},
"scopeSpans":[{"spans":[{"traceId":"5b8efff798038103d269b633813fc60c","spanId":"Sc130fnc2TY=","kind":3,
"startTimeUnixNano":"1","attributes":[{"key":"request_size","value":{"intValue":"5"}}]}]}]}]}"#;

/// Each format, by the name of the importer that is made to read it, even if it is mutilated beyond
/// recognition.
const SAMPLES: [(&str, &[u8]); 6] = [
    ("nezha", NEZHA),
    ("nezha", PLACEMENT),
    ("message-log-csv", CSV),
    ("message-log-json", JSON),
    ("zipkin", ZIPKIN),
    ("otlp", OTLP),
];

#[derive(Debug, Clone)]
enum Mutation {
    Set(usize, u8),
    Insert(usize, Vec<u8>),
    Remove(usize, usize),
    Cut(usize),
    Repeat(usize, usize),
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let telling = prop::sample::select(b"{}[]\",:\\\n\r0-9e.\xff\xc3\xef\0 ".to_vec());
    let byte = prop_oneof![telling, any::<u8>()];
    prop_oneof![
        (any::<usize>(), byte.clone()).prop_map(|(at, byte)| Mutation::Set(at, byte)),
        (any::<usize>(), prop::collection::vec(byte, 1..20))
            .prop_map(|(at, bytes)| Mutation::Insert(at, bytes)),
        (any::<usize>(), 1..40_usize).prop_map(|(at, length)| Mutation::Remove(at, length)),
        any::<usize>().prop_map(Mutation::Cut),
        (any::<usize>(), 1..200_usize).prop_map(|(at, length)| Mutation::Repeat(at, length)),
    ]
}

fn mutate(bytes: &mut Vec<u8>, mutation: &Mutation) {
    let length_before = bytes.len();
    let place = |at: usize| at % (length_before + 1);
    match mutation {
        Mutation::Set(at, byte) => {
            if let Some(slot) = bytes.get_mut(place(*at)) {
                *slot = *byte;
            }
        }
        Mutation::Insert(at, more) => {
            let at = place(*at);
            bytes.splice(at..at, more.iter().copied());
        }
        Mutation::Remove(at, length) => {
            let at = place(*at);
            bytes.drain(at..(at + length).min(bytes.len()));
        }
        Mutation::Cut(at) => bytes.truncate(place(*at)),
        Mutation::Repeat(at, length) => {
            let at = place(*at);
            let again = bytes[at..(at + length).min(bytes.len())].to_vec();
            bytes.splice(at..at, again);
        }
    }
}

fn decode(importer: &str, bytes: &[u8]) -> Heard {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    let importer = groma_connect::importers().find(|it| it.name == importer).unwrap();
    let paths = vec![file.path().to_owned()];
    let mut heard = Heard::default();
    groma_connect::Input::of_files(importer, "test".into(), paths).decode(
        Timestamp(7),
        &mut |part| {
            heard.messages.extend(part.messages);
            heard.problems.extend(part.problems);
        },
    );
    heard
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn mutilated_bytes_never_panic(
        sample in 0..SAMPLES.len(),
        mutations in prop::collection::vec(mutation(), 1..6),
    ) {
        let (importer, bytes) = SAMPLES[sample];
        let mut bytes = bytes.to_vec();
        mutations.iter().for_each(|mutation| mutate(&mut bytes, mutation));
        let heard = decode(importer, &bytes);
        for problem in &heard.problems {
            prop_assert!(!problem.place.is_empty() && !problem.reason.is_empty());
        }
        for record in &heard.messages {
            prop_assert!(record.message != 0 && record.tree != 0 && record.transaction != 0);
            prop_assert!(!record.process.is_empty() && !record.peer.is_empty());
        }
        // What was heard can be reconstructed without harm, too.
        reconstructed(&heard.messages);
    }

    #[test]
    fn a_file_cut_anywhere_gives_a_part_of_the_whole(sample in 0..SAMPLES.len(), cut in any::<usize>()) {
        let (importer, bytes) = SAMPLES[sample];
        let whole = decode(importer, bytes);
        let part = decode(importer, &bytes[..cut % bytes.len()]);
        prop_assert!(part.messages.len() <= whole.messages.len());
    }
}
