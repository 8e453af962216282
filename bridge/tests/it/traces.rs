//! Traces: what a collector of OpenTelemetry gets of connections, and that nothing waits for one.
use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use mig33_bridge::{Bridge, Settings};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::handshake::client::Response;

use crate::embedded;
use crate::program::{Running, program};
use crate::resume::Client;
use crate::support::{bridge_with, client, close_code, get, handshake, handshake_on, http};
use crate::support::{packet, receive, send, settings, upstream};
use crate::tls::{self, Pair};

/// What goes over the wire in these tests and into no trace.
const SECRET: &str = "s3cret-of-nobody-elses-business";

/// A collector that keeps what it gets.
struct Collector {
    address: SocketAddr,
    got: Arc<Mutex<Got>>,
}

#[derive(Default)]
struct Got {
    bytes: Vec<u8>,
    resources: Vec<Resource>,
    spans: Vec<Span>,
    headers: Vec<HeaderMap>,
}

impl Collector {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let got = Arc::<Mutex<Got>>::default();
        let router = Router::new().route("/v1/traces", post(take)).with_state(Arc::clone(&got));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address, got }
    }

    /// One that speaks TLS, with this certificate.
    async fn secure(pair: &Pair) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let got = Arc::<Mutex<Got>>::default();
        let router = Router::new().route("/v1/traces", post(take)).with_state(Arc::clone(&got));
        let acceptor = pair.acceptor();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let Ok(stream) = acceptor.accept(stream).await else { continue };
                let service = TowerToHyperService::new(router.clone());
                let serving = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
                let _ = serving.await;
            }
        });
        Self { address, got }
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The settings, with traces sent here.
    fn traced(&self, mut settings: Settings) -> Settings {
        settings.otlp.endpoint = Some(self.url().parse().unwrap());
        settings
    }

    /// All spans of a bridge, which is stopped for that. None of them has a secret in it.
    async fn spans_of(&self, bridge: Bridge) -> Vec<Span> {
        bridge.stop().await;
        self.spans()
    }

    fn spans(&self) -> Vec<Span> {
        let got = self.got.lock().unwrap();
        let found = got.bytes.windows(SECRET.len()).any(|bytes| bytes == SECRET.as_bytes());
        assert!(!found, "a secret is in the traces");
        got.spans.clone()
    }
}

async fn take(State(got): State<Arc<Mutex<Got>>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    assert_eq!(headers["content-type"], "application/x-protobuf");
    let request = ExportTraceServiceRequest::decode(&body[..]).unwrap();
    let mut got = got.lock().unwrap();
    got.bytes.extend_from_slice(&body);
    got.headers.push(headers);
    for of_resource in request.resource_spans {
        got.resources.extend(of_resource.resource);
        got.spans.extend(of_resource.scope_spans.into_iter().flat_map(|scope| scope.spans));
    }
    StatusCode::OK
}

/// Uses a tunnel, so that it surely leads somewhere, and leaves it.
async fn use_and_leave<S: AsyncRead + AsyncWrite + Unpin>(
    tunnel: impl Future<Output = Result<(WebSocketStream<S>, Response), Error>>,
    listener: &TcpListener,
) {
    let (tunnel, accepted) = tokio::join!(tunnel, listener.accept());
    let (mut tunnel, (mut server, _)) = (tunnel.unwrap().0, accepted.unwrap());
    server.write_all(&packet(1)).await.unwrap();
    assert_eq!(receive(&mut tunnel).await, packet(1));
}

fn text(attributes: &[KeyValue], key: &str) -> Option<String> {
    let found = attributes.iter().find(|attribute| attribute.key == key)?;
    match &found.value {
        Some(AnyValue { value: Some(Value::StringValue(text)) }) => Some(text.clone()),
        Some(AnyValue { value: Some(Value::IntValue(number)) }) => Some(number.to_string()),
        Some(AnyValue { value: Some(Value::BoolValue(truth)) }) => Some(truth.to_string()),
        Some(AnyValue { value: Some(Value::DoubleValue(number)) }) => Some(number.to_string()),
        other => panic!("{other:?} of {key} is nothing that is sent"),
    }
}

/// What a span says of itself.
fn says(span: &Span, key: &str) -> String {
    text(&span.attributes, key).unwrap_or_else(|| "nothing".to_owned())
}

fn error(span: &Span) -> Option<String> {
    let status = span.status.clone().unwrap_or_default();
    (status.code == 2).then_some(status.message)
}

/// The only span of this name.
fn only<'a>(spans: &'a [Span], name: &str) -> &'a Span {
    let found: Vec<_> = spans.iter().filter(|span| span.name == name).collect();
    assert_eq!(found.len(), 1, "{name} in {:?}", names(spans));
    found[0]
}

fn names(spans: &[Span]) -> Vec<&str> {
    let mut names: Vec<_> = spans.iter().map(|span| span.name.as_str()).collect();
    names.sort_unstable();
    names
}

#[tokio::test]
async fn a_tunnel_is_told_from_its_accept_to_the_server_and_its_end_by_itself() {
    let collector = Collector::start().await;
    let (listener, address) = upstream().await;
    let bridge = bridge_with(collector.traced(settings(address))).await;
    // who is no trusted proxy says nothing about traces
    let headers = [
        ("cookie", SECRET),
        ("user-agent", SECRET),
        ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
        ("tracestate", "vendor=s3cret-of-nobody-elses-business"),
    ];
    let (tunnel, accepted) = tokio::join!(handshake(&bridge, &headers), listener.accept());
    let (mut tunnel, (mut server, _)) = (tunnel.unwrap().0, accepted.unwrap());
    send(&mut tunnel, &[packet(40), SECRET.into()].concat()).await;
    assert_eq!(close_code(&mut tunnel).await, Some(1002));
    let _ = server.read_to_end(&mut Vec::new()).await;
    let spans = collector.spans_of(bridge).await;
    assert_eq!(names(&spans), ["GET /ws", "connect", "tunnel ended"]);

    let begin = only(&spans, "GET /ws");
    assert_eq!((begin.parent_span_id.len(), begin.kind), (0, 2));
    assert_ne!(begin.trace_id, [0x0a, 0xf7, 0x65, 0x19, 0x16, 0xcd, 0x43, 0xdd]);
    for (key, value) in [
        ("http.request.method", "GET"),
        ("url.path", "/ws"),
        ("url.scheme", "http"),
        ("http.response.status_code", "101"),
        ("mig33.connection", "1"),
        ("mig33.subprotocol", "mig33"),
        ("mig33.framing", "checked"),
        ("mig33.upstream", &address.to_string()),
        ("mig33.resumed", "false"),
    ] {
        assert_eq!(says(begin, key), value, "{key}");
    }
    assert_eq!(begin.attributes.len(), 9);
    let events: Vec<_> = begin.events.iter().map(|event| event.name.as_str()).collect();
    assert_eq!(events, ["requested", "upgraded"]);
    assert_eq!(error(begin), None);

    let connect = only(&spans, "connect");
    assert_eq!((&connect.trace_id, &connect.parent_span_id), (&begin.trace_id, &begin.span_id));
    assert_eq!((says(connect, "server.port"), connect.kind), (address.port().to_string(), 3));
    assert!(begin.start_time_unix_nano <= connect.start_time_unix_nano);
    assert!(connect.end_time_unix_nano <= begin.end_time_unix_nano);

    let end = only(&spans, "tunnel ended");
    assert_ne!(end.trace_id, begin.trace_id, "a trace of its own");
    let [link] = &end.links[..] else { panic!("{:?}", end.links) };
    assert_eq!((&link.trace_id, &link.span_id), (&begin.trace_id, &begin.span_id));
    assert_eq!(says(end, "mig33.end"), "client_framing");
    assert_eq!(says(end, "mig33.close_code"), "1002");
    assert_eq!(error(end).as_deref(), Some("client_framing"));
    assert!(says(end, "mig33.lasted_s").parse::<f64>().unwrap() < 60.0);

    let got = collector.got.lock().unwrap();
    let of_resource = |key| text(&got.resources[0].attributes, key);
    assert_eq!(of_resource("service.name").as_deref(), Some("mig33-bridge"));
    assert_eq!(of_resource("service.version").as_deref(), Some(env!("CARGO_PKG_VERSION")));
}

#[tokio::test]
async fn a_handshake_of_tls_is_told_of_and_so_it_is_by_tls() {
    let (pair, stranger) = (Pair::new(), Pair::new());
    for (collectors, is_believed) in [(&pair, true), (&stranger, false)] {
        let collector = Collector::secure(collectors).await;
        let (listener, address) = upstream().await;
        let mut settings = tls::secure(&pair, address);
        settings.otlp.endpoint = Some(format!("https://{}", collector.address).parse().unwrap());
        settings.otlp.ca = Some(pair.cert());
        let bridge = bridge_with(settings).await;
        let page = bridge.addresses().page;
        let stream = tls::connect(&pair.connector(&[]), page).await.unwrap();
        use_and_leave(handshake_on(page, stream, &[]), &listener).await;
        let spans = collector.spans_of(bridge).await;
        if !is_believed {
            assert_eq!(names(&spans), <[&str; 0]>::default());
            continue;
        }
        assert_eq!(names(&spans), ["GET /ws", "TLS handshake", "connect", "tunnel ended"]);
        let (begin, handshake) = (only(&spans, "GET /ws"), only(&spans, "TLS handshake"));
        assert_eq!(says(begin, "url.scheme"), "https");
        assert_eq!(handshake.parent_span_id, begin.span_id);
        assert!(begin.start_time_unix_nano <= handshake.start_time_unix_nano);
        assert!(handshake.start_time_unix_nano < handshake.end_time_unix_nano);
        assert!(handshake.end_time_unix_nano <= begin.events[0].time_unix_nano, "then it asks");
    }
}

#[tokio::test]
async fn what_a_connection_did_before_it_asked_for_a_tunnel_is_no_part_of_it() {
    let collector = Collector::start().await;
    let (listener, address) = upstream().await;
    let bridge = bridge_with(collector.traced(settings(address))).await;
    let page = bridge.addresses().page;
    let mut stream = TcpStream::connect(page).await.unwrap();
    stream.write_all(b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        answer.push(stream.read_u8().await.unwrap());
    }
    let between = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_nanos();
    use_and_leave(handshake_on(page, stream, &[]), &listener).await;
    let spans = collector.spans_of(bridge).await;
    let begin = only(&spans, "GET /ws");
    assert!(u128::from(begin.start_time_unix_nano) >= between);
    let events: Vec<_> = begin.events.iter().map(|event| event.name.as_str()).collect();
    assert_eq!(events, ["upgraded"]);
}

#[tokio::test]
async fn a_trace_of_a_trusted_proxy_goes_on_here_or_is_left_out_as_it_says() {
    for (flags, is_traced) in [("01", true), ("00", false)] {
        let collector = Collector::start().await;
        let (listener, address) = upstream().await;
        let mut settings = collector.traced(settings(address));
        settings.trusted_proxy = vec!["127.0.0.1".parse().unwrap()];
        let bridge = bridge_with(settings).await;
        let parent = format!("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-{flags}");
        let headers = [("traceparent", parent.as_str())];
        use_and_leave(handshake(&bridge, &headers), &listener).await;
        let spans = collector.spans_of(bridge).await;
        if is_traced {
            let begin = only(&spans, "GET /ws");
            assert_eq!(begin.trace_id[..4], [0x0a, 0xf7, 0x65, 0x19]);
            assert_eq!(begin.parent_span_id[..4], [0xb7, 0xad, 0x6b, 0x71]);
            assert_eq!(only(&spans, "connect").trace_id, begin.trace_id);
            assert_ne!(only(&spans, "tunnel ended").trace_id, begin.trace_id);
        } else {
            assert_eq!(names(&spans), <[&str; 0]>::default());
        }
    }
}

#[tokio::test]
async fn a_refusal_says_why_and_a_query_is_never_told() {
    let collector = Collector::start().await;
    let (_listener, address) = upstream().await;
    let mut settings = collector.traced(settings(address));
    settings.limits.connections = 1;
    let bridge = bridge_with(settings).await;
    let page = bridge.addresses().page;
    get(page, &format!("/ws?token={SECRET}")).await;
    http(page, &format!("POST /ws HTTP/1.1\r\nHost: {SECRET}\r\nConnection: close\r\n\r\n")).await;
    assert!(handshake(&bridge, &[("origin", "http://elsewhere.example")]).await.is_err());
    let _first = client(&bridge).await;
    assert!(handshake(&bridge, &[]).await.is_err());
    // the page is not told of
    get(page, "/").await;
    let spans = collector.spans_of(bridge).await;
    let mut refusals: Vec<_> = spans
        .iter()
        .filter_map(|span| Some((error(span)?, says(span, "http.response.status_code"))))
        .collect();
    refusals.sort();
    let told = |why: &str, status: &str| (why.to_owned(), status.to_owned());
    assert_eq!(
        refusals,
        [
            told("full", "503"),
            told("no_handshake", "426"),
            told("no_handshake", "426"),
            told("origin", "403")
        ]
    );
    assert_eq!(names(&spans).iter().filter(|name| **name == "HTTP /ws").count(), 1);
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_a_failed_beginning() {
    let collector = Collector::start().await;
    let (gone, away) = upstream().await;
    drop(gone);
    let bridge = bridge_with(collector.traced(settings(away))).await;
    let mut refused = client(&bridge).await;
    assert_eq!(close_code(&mut refused).await, Some(1013));
    let spans = collector.spans_of(bridge).await;
    assert_eq!(names(&spans), ["GET /ws", "connect"], "it is no end of a tunnel");
    let connect = only(&spans, "connect");
    assert_eq!(error(connect).as_deref(), Some("connection refused"));
    let begin = only(&spans, "GET /ws");
    assert_eq!(error(begin).as_deref(), Some("upstream_unreachable"));
    assert_eq!(says(begin, "mig33.close_code"), "1013");
}

/// What a browser sends that opens a tunnel.
const HANDSHAKE: &[u8] =
    b"GET /ws HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

#[tokio::test]
async fn however_early_a_client_leaves_its_beginning_is_told_of_once() {
    let collector = Collector::start().await;
    let (_listener, address) = upstream().await;
    let bridge = bridge_with(collector.traced(settings(address))).await;
    let page = bridge.addresses().page;
    const CLIENTS: usize = 50;
    for _ in 0..CLIENTS {
        let mut stream = TcpStream::connect(page).await.unwrap();
        stream.write_all(HANDSHAKE).await.unwrap();
    }
    // those who are behind them have been seen to
    let mut last = client(&bridge).await;
    last.close(None).await.unwrap();
    let spans = collector.spans_of(bridge).await;
    let begun = spans.iter().filter(|span| span.name == "GET /ws").count();
    // of some not even the request was there to be read
    assert!((2..=CLIENTS + 1).contains(&begun), "{begun}");
    let ended = spans.iter().filter(|span| span.name == "tunnel ended");
    let links: HashSet<_> = ended.map(|end| end.links[0].span_id.clone()).collect();
    let failed = spans.iter().filter(|span| span.name == "GET /ws" && error(span).is_some());
    let stopped = spans.iter().filter(|span| says(span, "mig33.end") == "shutdown");
    // each has its end: in its beginning or behind a link
    let unfinished = failed.chain(stopped).filter(|span| span.name == "GET /ws");
    let unfinished: HashSet<_> = unfinished.map(|span| span.span_id.clone()).collect();
    assert!(links.is_disjoint(&unfinished));
    assert_eq!(links.len() + unfinished.len(), begun);
}

#[tokio::test]
async fn a_session_that_goes_on_says_so_and_one_that_cannot_says_why() {
    let collector = Collector::start().await;
    let data = tempfile::tempdir().unwrap();
    let bridge = Bridge::start(collector.traced(embedded::embedded(&data))).await.unwrap();
    let connection = async || {
        let page = bridge.addresses().page;
        let stream = TcpStream::connect(page).await.unwrap();
        let asks = [("sec-websocket-protocol", "mig33.resume")];
        handshake_on(page, stream, &asks).await.unwrap().0.into_inner()
    };
    let mut client = Client::begin(connection().await).await;
    client.close(4000).await;
    assert_eq!(client.resume(connection().await).await.unwrap()["resumed"], true);
    let token = client.token.clone();
    let mut stranger = Client::begin(connection().await).await;
    stranger.token = SECRET.to_owned();
    assert_eq!(stranger.resume(connection().await).await.unwrap()["resumed"], false);
    let spans = collector.spans_of(bridge).await;
    let got = collector.got.lock().unwrap();
    assert!(!got.bytes.windows(token.len()).any(|bytes| bytes == token.as_bytes()));
    let mut begun: Vec<_> = spans
        .iter()
        .filter(|span| span.name == "GET /ws")
        .map(|span| {
            let said = ["mig33.connection", "mig33.resumed", "mig33.not_resumed", "mig33.upstream"];
            said.map(|key| says(span, key))
        })
        .collect();
    begun.sort();
    assert_eq!(
        begun,
        [
            ["1", "false", "nothing", "embedded"],
            ["2", "true", "nothing", "nothing"],
            ["3", "false", "nothing", "embedded"],
            ["4", "false", "unknown", "embedded"],
        ]
    );
}

#[tokio::test]
async fn nothing_waits_for_a_collector_that_is_away_or_never_answers() {
    let (away, away_address) = upstream().await;
    drop(away);
    // it accepts, and says nothing
    let (_silent, silent_address) = upstream().await;
    for collector in [away_address, silent_address] {
        let (listener, address) = upstream().await;
        let mut settings = settings(address);
        settings.otlp.endpoint = Some(format!("http://{collector}").parse().unwrap());
        let bridge = bridge_with(settings).await;
        for _ in 0..3 {
            let (tunnel, accepted) = tokio::join!(client(&bridge), listener.accept());
            let (mut tunnel, (mut server, _)) = (tunnel, accepted.unwrap());
            send(&mut tunnel, &packet(3)).await;
            server.read_exact(&mut [0; 12]).await.unwrap();
        }
        let metrics = get(bridge.addresses().admin, "/metrics").await;
        assert!(metrics.contains("mig33_bridge_trace_spans_total{result=\"sent\"} 0"), "{metrics}");
        let began = Instant::now();
        bridge.stop().await;
        assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    }
}

/// The program, with these variables of OpenTelemetry, and one tunnel through it; the headers and the resources that come.
async fn run_with(variables: &[(&str, &str)], collector: &Collector) {
    let (listener, address) = upstream().await;
    let mut command = program(&["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]);
    command.args(["--upstream", &address.to_string()]).envs(variables.iter().copied());
    command.env("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url());
    let mut running = Running::of(&mut command);
    let page = running.address("page").replace("http://", "").parse().unwrap();
    let stream = TcpStream::connect(page).await.unwrap();
    use_and_leave(handshake_on(page, stream, &[]), &listener).await;
    running.terminate();
    let ended = tokio::task::spawn_blocking(move || running.child.wait().unwrap()).await.unwrap();
    assert_eq!(ended.code(), Some(0));
}

#[tokio::test]
async fn the_standards_variables_are_enough() {
    let collector = Collector::start().await;
    let variables = [
        ("OTEL_SERVICE_NAME", "chat"),
        ("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20me"),
    ];
    run_with(&variables, &collector).await;
    assert_eq!(names(&collector.spans()), ["GET /ws", "connect", "tunnel ended"]);
    let got = collector.got.lock().unwrap();
    assert_eq!(got.headers[0]["authorization"], "Bearer me");
    let of_resource = |key| text(&got.resources[0].attributes, key);
    assert_eq!(of_resource("service.name").as_deref(), Some("chat"));
    assert_eq!(of_resource("deployment.environment.name").as_deref(), Some("test"));
}

#[tokio::test]
async fn the_standards_sampler_and_switch_count_and_our_own_setting_goes_over_them() {
    for (variables, count) in [
        ([("OTEL_TRACES_SAMPLER", "always_off"), ("OTEL_X", "")], 0),
        ([("OTEL_SDK_DISABLED", "true"), ("OTEL_X", "")], 0),
        ([("OTEL_TRACES_SAMPLER", "always_off"), ("MIG33_OTLP_SAMPLE", "1")], 3),
        ([("OTEL_TRACES_SAMPLER", "always_on"), ("MIG33_OTLP_SAMPLE", "0")], 0),
    ] {
        let collector = Collector::start().await;
        run_with(&variables, &collector).await;
        assert_eq!(collector.spans().len(), count, "{variables:?}");
    }
}
