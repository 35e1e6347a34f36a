//! Attributes of OTLP, `[{"key": …, "value": {"stringValue": …}}]`.

use serde_json::Value;

use super::out::NAME_LENGTH_MAX;

/// Attributes that matter to us; all others are dropped while reading. The newest convention comes
/// first, older ones and those of proxies after.
const ATTRIBUTES: [&str; 45] = [
    "client.address",
    "host.ip",
    "host.name",
    "http.request.body.size",
    "http.request.size",
    "http.request_content_length",
    "http.response.body.size",
    "http.response.size",
    "http.response.status_code",
    "http.response_content_length",
    "http.status_code",
    "k8s.node.name",
    "k8s.pod.ip",
    "k8s.pod.name",
    "message.compressed_size",
    "message.size",
    "message.type",
    "message.uncompressed_size",
    "messaging.message.body.size",
    "messaging.message.envelope.size",
    "messaging.message_payload_size_bytes",
    "messaging.system",
    "net.host.ip",
    "net.peer.ip",
    "net.peer.name",
    "net.peer.port",
    "net.sock.host.addr",
    "net.sock.peer.addr",
    "network.peer.address",
    "network.peer.port",
    "node_id",
    "peer.address",
    "peer.service",
    "request_size",
    "response_size",
    "rpc.grpc.status_code",
    "rpc.message.compressed_size",
    "rpc.message.type",
    "rpc.message.uncompressed_size",
    "rpc.response.status_code",
    "server.address",
    "server.port",
    "service.instance.id",
    "service.name",
    "session.id",
];

/// What was read of a list of attributes.
#[derive(Debug, Default)]
pub(super) struct Attributes {
    values: Vec<(&'static str, String)>,
}

impl Attributes {
    /// Reads a list; what is no attribute, or of no use, is passed over.
    pub(super) fn read(list: Option<&Value>) -> Attributes {
        let items = list.and_then(Value::as_array).into_iter().flatten();
        Attributes { values: items.filter_map(read_attribute).collect() }
    }

    /// The first of `keys` that there is.
    pub(super) fn text(&self, keys: &[&str]) -> Option<&str> {
        keys.iter().find_map(|key| {
            let found = self.values.iter().find(|(name, _)| name == key)?;
            Some(found.1.as_str())
        })
    }

    /// The first of `keys` that is there and a whole number.
    pub(super) fn integer(&self, keys: &[&str]) -> Option<i64> {
        keys.iter().find_map(|key| self.text(&[key])?.parse().ok())
    }

    /// Status code of HTTP, else of gRPC.
    pub(super) fn status(&self) -> Option<i32> {
        let code = self.integer(&[
            "http.response.status_code",
            "http.status_code",
            "rpc.response.status_code",
            "rpc.grpc.status_code",
        ]);
        code.and_then(|code| i32::try_from(code).ok())
    }
}

fn read_attribute(item: &Value) -> Option<(&'static str, String)> {
    let key = item.get("key")?.as_str()?;
    let key = ATTRIBUTES[ATTRIBUTES.binary_search(&key).ok()?];
    let value = item.get("value")?;
    let text = ["stringValue", "intValue", "string_value", "int_value"]
        .iter()
        .find_map(|name| value.get(name))
        // `host.ip` is a list; the first is as good as any.
        .or_else(|| value.get("arrayValue")?.get("values")?.get(0)?.get("stringValue"))?;
    let text = match text {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    let fits = !text.is_empty() && text.len() <= NAME_LENGTH_MAX;
    fits.then_some((key, text))
}

/// Pod and address in the `node_id` of an Istio proxy: `sidecar~10.0.0.1~pod.namespace~domain`.
pub(super) fn pod_of_istio_node(node_id: &str) -> Option<(&str, &str)> {
    let mut parts = node_id.split('~');
    let (_, address, pod) = (parts.next()?, parts.next()?, parts.next()?);
    let pod = pod.split('.').next().filter(|pod| !pod.is_empty())?;
    Some((pod, address))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_sorted_so_that_it_can_be_searched() {
        assert!(ATTRIBUTES.is_sorted());
    }

    #[test]
    fn a_sidecar_says_in_which_pod_it_runs() {
        let node = "sidecar~10.244.0.25~productpage-v1-6f89b6c557-sg2bc.bookinfo~bookinfo.svc";
        let found = Some(("productpage-v1-6f89b6c557-sg2bc", "10.244.0.25"));
        assert_eq!(pod_of_istio_node(node), found);
        assert_eq!(pod_of_istio_node("~~"), None);
    }
}
