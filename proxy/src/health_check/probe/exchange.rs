//! One request and its whole answer on a connection of their own, in either version of HTTP.
//!
//! The connection is driven by the same future that asks: nothing is spawned, so nothing is left when a check is given up.

use std::{error::Error, pin::pin};

use bytes::Bytes;
use h2::RecvStream;
use http::{
    HeaderMap, HeaderValue, Request, StatusCode,
    header::{CONNECTION, HOST},
};
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::TokioIo;

use crate::{health_check::failure::Failure, stream::Stream};

/// What is read of a body. A health page is short; what an endpoint sends for ever must not fill our memory.
const MOST_BODY: usize = 64 * 1024;

/// An answer, its body as far as it is read.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
    pub(super) trailers: HeaderMap,
}

/// Over HTTP/1.1. The request's URI is an absolute one.
pub(super) async fn http1(stream: Stream, request: Request<()>) -> Result<Answer, Failure> {
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake::<_, Empty<Bytes>>(TokioIo::new(stream))
            .await
            .map_err(no_answer)?;
    let ask = async {
        let response = sender.send_request(into_http1(request)).await;
        let (head, mut incoming) = response.map_err(no_answer)?.into_parts();
        let mut body = Vec::new();
        while body.len() < MOST_BODY
            && let Some(frame) = incoming.frame().await
        {
            if let Ok(data) = frame.map_err(no_answer)?.into_data() {
                take(&mut body, &data);
            }
        }
        Ok(Answer {
            status: head.status,
            headers: head.headers,
            body,
            trailers: HeaderMap::new(),
        })
    };
    alongside(connection, ask).await
}

/// Over HTTP/2 with prior knowledge.
pub(super) async fn http2(
    stream: Stream,
    request: Request<()>,
    question: Bytes,
) -> Result<Answer, Failure> {
    let (mut sender, connection) = h2::client::handshake(stream).await.map_err(no_answer)?;
    let ask = async {
        let (response, mut sending) = sender
            .send_request(request, question.is_empty())
            .map_err(no_answer)?;
        if !question.is_empty() {
            sending.send_data(question, true).map_err(no_answer)?;
        }
        let (head, mut incoming) = response.await.map_err(no_answer)?.into_parts();
        let (body, trailers) = read(&mut incoming).await?;
        Ok(Answer {
            status: head.status,
            headers: head.headers,
            body,
            trailers,
        })
    };
    alongside(connection, ask).await
}

async fn read(incoming: &mut RecvStream) -> Result<(Vec<u8>, HeaderMap), Failure> {
    let mut body = Vec::new();
    while let Some(data) = incoming.data().await {
        let data = data.map_err(no_answer)?;
        take(&mut body, &data);
        if body.len() >= MOST_BODY {
            return Ok((body, HeaderMap::new()));
        }
        // The window is open again for what was taken out; the stream can't be gone while it has data.
        let _ = incoming.flow_control().release_capacity(data.len());
    }
    let trailers = incoming.trailers().await.map_err(no_answer)?;
    Ok((body, trailers.unwrap_or_default()))
}

fn take(body: &mut Vec<u8>, data: &[u8]) {
    let room = MOST_BODY - body.len();
    body.extend_from_slice(&data[..data.len().min(room)]);
}

/// Drives `connection` for as long as `ask` takes. A connection may end before all that came on it has been read.
async fn alongside<T>(connection: impl Future, ask: impl Future<Output = T>) -> T {
    let (mut connection, mut ask) = (pin!(connection), pin!(ask));
    tokio::select! {
        biased;
        answer = &mut ask => return answer,
        _ = &mut connection => {}
    }
    ask.await
}

/// HTTP/1 has the host in a header, and the path alone in its first line.
fn into_http1(request: Request<()>) -> Request<Empty<Bytes>> {
    let mut request = request.map(|()| Empty::new());
    let parts = std::mem::take(request.uri_mut()).into_parts();
    if let Some(host) = parts
        .authority
        .and_then(|host| HeaderValue::try_from(host.as_str()).ok())
    {
        request.headers_mut().insert(HOST, host);
    }
    *request.uri_mut() = parts
        .path_and_query
        .map_or_else(Default::default, Into::into);
    request
        .headers_mut()
        .insert(CONNECTION, HeaderValue::from_static("close"));
    request
}

fn no_answer(error: impl Error + Send + Sync + 'static) -> Failure {
    Failure::NoAnswer(error.into())
}
