//! Objects in buckets and files on a web server, on this machine: as much of HTTP and of S3 as reading takes.

#![allow(dead_code, unreachable_pub)]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// The key id that may read every bucket but `private`, where it sees only what there is; without one, only `public`
/// can be read.
pub const KEY_ID: &str = "KEYID";

type Objects = BTreeMap<String, Vec<u8>>;

/// Objects by their paths, `/bucket/key`. The server ends with the test's process.
#[derive(Clone)]
pub struct Server {
    address: String,
    objects: Arc<Mutex<Objects>>,
    /// Objects that are put when another is read, by the path of that.
    later: Arc<Mutex<BTreeMap<String, Objects>>>,
}

impl Server {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = Self {
            address: listener.local_addr().unwrap().to_string(),
            objects: Arc::default(),
            later: Arc::default(),
        };
        let answering = server.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let server = answering.clone();
                thread::spawn(move || server.answer(stream));
            }
        });
        server
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn put(&self, path: &str, content: impl AsRef<[u8]>) -> &Self {
        let mut objects = self.objects.lock().unwrap();
        objects.insert(path.to_owned(), content.as_ref().to_vec());
        drop(objects);
        self
    }

    /// Puts an object when the one at `read` is read.
    pub fn put_when_read(&self, read: &str, path: &str, content: &str) {
        let objects = Objects::from([(path.to_owned(), content.into())]);
        self.later.lock().unwrap().insert(read.to_owned(), objects);
    }

    fn answer(&self, stream: TcpStream) -> Option<()> {
        let mut lines = BufReader::new(stream.try_clone().ok()?).lines();
        let request = lines.next()?.ok()?;
        let mut words = request.split(' ');
        let (method, target) = (words.next()?, words.next()?);
        let mut headers = BTreeMap::new();
        while let Some((name, value)) = lines.next()?.ok()?.split_once(": ") {
            headers.insert(name.to_lowercase(), value.to_owned());
        }
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let path = decoded(path);
        let is_read = method != "HEAD";
        if is_read && let Some(later) = self.later.lock().unwrap().remove(&path) {
            self.objects.lock().unwrap().extend(later);
        }
        let reply = if path.starts_with("/elsewhere/") {
            Reply::error("301 Moved Permanently", "PermanentRedirect")
        } else if path.starts_with("/expired/") {
            Reply::error("400 Bad Request", "ExpiredToken")
        } else if path.contains("guarded") && is_read {
            Reply::error("403 Forbidden", "AccessDenied")
        } else if path.starts_with("/web/") || may_read(&path, headers.get("authorization")) {
            self.reply(&path, query, headers.get("range"))
        } else {
            Reply::error("403 Forbidden", "AccessDenied")
        };
        reply.send(stream, !is_read)
    }

    fn reply(&self, path: &str, query: &str, range: Option<&String>) -> Reply {
        let objects = self.objects.lock().unwrap();
        if let Some((_, prefix)) = query.split_once("prefix=") {
            let bucket = path.trim_end_matches('/');
            let keys = |prefix: &str| -> Vec<(String, &Vec<u8>)> {
                let inside = objects.iter().filter_map(|(path, content)| {
                    let key = path.strip_prefix(bucket)?.strip_prefix('/')?;
                    key.starts_with(prefix).then(|| (key.to_owned(), content))
                });
                inside.collect()
            };
            if keys("").is_empty() {
                return Reply::error("404 Not Found", "NoSuchBucket");
            }
            let mut xml = "<ListBucketResult><IsTruncated>false</IsTruncated>".to_owned();
            for (key, content) in keys(&decoded(prefix.split('&').next().unwrap())) {
                let (size, tag) = (content.len(), tag_of(content));
                write!(
                    xml,
                    "<Contents><Key>{key}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified>\
                     <ETag>&quot;{tag}&quot;</ETag><Size>{size}</Size></Contents>"
                )
                .unwrap();
            }
            return Reply {
                status: "200 OK",
                headers: String::new(),
                body: (xml + "</ListBucketResult>").into(),
            };
        }
        let Some(content) = objects.get(path) else {
            return Reply::error("404 Not Found", "NoSuchKey");
        };
        let tag = match tag_of(content) {
            _ if path.contains("untagged") => String::new(),
            tag if path.contains("weak") => format!("ETag: W/\"{tag}\"\r\n"),
            tag => format!("ETag: \"{tag}\"\r\n"),
        };
        let Some((first, last)) =
            range.and_then(|range| range.strip_prefix("bytes=")?.split_once('-'))
        else {
            return Reply {
                status: "200 OK",
                headers: tag,
                body: content.clone(),
            };
        };
        let first: usize = first.parse().unwrap();
        let end = last
            .parse()
            .map_or(content.len(), |last: usize| content.len().min(last + 1));
        Reply {
            status: "206 Partial Content",
            headers: format!(
                "{tag}Content-Range: bytes {first}-{}/{}\r\n",
                end - 1,
                content.len()
            ),
            body: content[first..end].to_vec(),
        }
    }
}

struct Reply {
    status: &'static str,
    headers: String,
    body: Vec<u8>,
}

impl Reply {
    fn error(status: &'static str, code: &str) -> Self {
        let body = format!("<Error><Code>{code}</Code><Message>{code}</Message></Error>");
        Self {
            status,
            headers: String::new(),
            body: body.into(),
        }
    }

    fn send(&self, mut stream: TcpStream, head_only: bool) -> Option<()> {
        let Self {
            status,
            headers,
            body,
        } = self;
        let length = body.len();
        write!(
            stream,
            "HTTP/1.1 {status}\r\n{headers}Accept-Ranges: bytes\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
        )
        .ok()?;
        stream.write_all(if head_only { &[] } else { body }).ok()
    }
}

fn may_read(path: &str, authorization: Option<&String>) -> bool {
    let signed =
        authorization.is_some_and(|value| value.contains(&format!("Credential={KEY_ID}/")));
    path.starts_with("/public/")
        || signed && (!path.starts_with("/private/") || path == "/private/")
}

fn tag_of(content: &[u8]) -> String {
    let mut hasher = DefaultHasher::new();
    content.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

fn decoded(text: &str) -> String {
    let mut parts = text.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let (code, rest) = part.split_at(2);
        bytes.push(u8::from_str_radix(code, 16).unwrap());
        bytes.extend(rest.as_bytes());
    }
    String::from_utf8(bytes).unwrap()
}
