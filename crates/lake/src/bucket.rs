//! Who asks a bucket for objects, and where it is: the `AWS_*` variables of the environment, handed to the engine as a
//! secret that lives as long as the engine and that no query can read.

use crate::engine::Engine;
use crate::error::LakeError;
use crate::sql;

/// What the environment says about access to buckets.
#[derive(Default)]
pub(crate) struct BucketAccess {
    /// Key id and secret key; none for buckets that anybody may read.
    keys: Option<(String, String)>,
    session_token: Option<String>,
    region: Option<String>,
    endpoint: Option<Endpoint>,
}

/// A service that speaks S3 and is not Amazon's.
struct Endpoint {
    host: String,
    encrypted: bool,
}

impl BucketAccess {
    /// Reads the variables by the names that Amazon's own programs give them; an empty one counts as not set.
    ///
    /// # Errors
    /// A key without its other half; an endpoint that is no URL of a host. The message shows no values of keys.
    pub(crate) fn from_environment(
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, String> {
        let first = |names: &[&str]| {
            let values = names.iter().filter_map(|name| variable(name));
            values
                .map(|value| value.trim().to_owned())
                .find(|value| !value.is_empty())
        };
        let keys = match (
            first(&["AWS_ACCESS_KEY_ID"]),
            first(&["AWS_SECRET_ACCESS_KEY"]),
        ) {
            (Some(id), Some(secret)) => Some((id, secret)),
            (None, None) => None,
            (Some(_), None) => return Err(half("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")),
            (None, Some(_)) => return Err(half("AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID")),
        };
        let endpoint = first(&["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"]);
        Ok(Self {
            session_token: first(&["AWS_SESSION_TOKEN"]).filter(|_| keys.is_some()),
            keys,
            region: first(&["AWS_REGION", "AWS_DEFAULT_REGION"]),
            endpoint: endpoint.map(|url| Endpoint::of(&url)).transpose()?,
        })
    }

    /// Lets the engine into buckets.
    pub(crate) fn grant(&self, engine: &Engine) -> Result<(), LakeError> {
        // What the engine would say of a statement with keys in it is not worth the risk of showing them.
        engine.execute(&self.secret(), "").map_err(|_| {
            LakeError::engine(
                "cannot use the AWS_* variables of the environment",
                "the engine refuses them",
            )
        })
    }

    /// The statement that makes the engine's secret.
    fn secret(&self) -> String {
        let mut options = vec!["TYPE s3".to_owned()];
        let mut option =
            |name: &str, value: &str| options.push(format!("{name} {}", sql::text(value)));
        if let Some((id, secret)) = &self.keys {
            option("KEY_ID", id);
            option("SECRET", secret);
        }
        if let Some(token) = &self.session_token {
            option("SESSION_TOKEN", token);
        }
        if let Some(region) = &self.region {
            option("REGION", region);
        }
        if let Some(endpoint) = &self.endpoint {
            option("ENDPOINT", &endpoint.host);
            // Services of one's own seldom have a host name for every bucket.
            option("URL_STYLE", "path");
            option("USE_SSL", if endpoint.encrypted { "true" } else { "false" });
        }
        format!(
            "CREATE OR REPLACE TEMPORARY SECRET buckets ({})",
            options.join(", ")
        )
    }

    /// What to look at where the bucket refuses.
    pub(crate) fn advice(&self) -> &'static str {
        if self.keys.is_some() {
            "whose keys AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN hold, and whether they may read it"
        } else {
            "and set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, without which only public buckets can be read"
        }
    }
}

impl Endpoint {
    fn of(url: &str) -> Result<Self, String> {
        let (encrypted, rest) = match url.split_once("://") {
            Some(("https", rest)) => (true, rest),
            Some(("http", rest)) => (false, rest),
            _ => (false, ""),
        };
        let host = rest.trim_end_matches('/');
        let is_host = |c: char| c.is_ascii_alphanumeric() || "-._:[]".contains(c);
        if host.is_empty() || !host.chars().all(is_host) {
            return Err("AWS_ENDPOINT_URL is not the URL of a host: write it such as `https://minio.example.org:9000`"
                .to_owned());
        }
        Ok(Self {
            host: host.to_owned(),
            encrypted,
        })
    }
}

fn half(set: &str, missing: &str) -> String {
    format!("{set} is set and {missing} is not: set both, or neither for a public bucket")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access(variables: &[(&str, &str)]) -> Result<BucketAccess, String> {
        BucketAccess::from_environment(|name| {
            let set = variables.iter().find(|(set, _)| *set == name);
            set.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn the_environment_becomes_a_secret_of_this_engine() {
        let secret = |variables: &[(&str, &str)]| access(variables).unwrap().secret();
        assert_eq!(
            secret(&[]),
            "CREATE OR REPLACE TEMPORARY SECRET buckets (TYPE s3)"
        );
        assert_eq!(
            secret(&[
                ("AWS_ACCESS_KEY_ID", "id"),
                ("AWS_SECRET_ACCESS_KEY", "it's"),
                ("AWS_SESSION_TOKEN", ""),
                ("AWS_DEFAULT_REGION", "eu-west-1"),
                ("AWS_ENDPOINT_URL", "http://127.0.0.1:9000/"),
            ]),
            "CREATE OR REPLACE TEMPORARY SECRET buckets (TYPE s3, KEY_ID 'id', SECRET 'it''s', REGION 'eu-west-1', \
             ENDPOINT '127.0.0.1:9000', URL_STYLE 'path', USE_SSL 'false')"
        );
        // The variable that names the service goes before the one for all services.
        let endpoints = [
            ("AWS_ENDPOINT_URL", "http://a"),
            ("AWS_ENDPOINT_URL_S3", "https://b"),
        ];
        assert!(secret(&endpoints).contains("ENDPOINT 'b', URL_STYLE 'path', USE_SSL 'true'"));
    }

    #[test]
    fn half_a_key_and_an_endpoint_that_is_no_url_are_refused() {
        let refused = |variables: &[(&str, &str)]| access(variables).err().unwrap_or_default();
        let half = refused(&[("AWS_SECRET_ACCESS_KEY", "secret")]);
        assert_eq!(
            half,
            "AWS_SECRET_ACCESS_KEY is set and AWS_ACCESS_KEY_ID is not: set both, or neither for a public bucket"
        );
        for url in [
            "minio:9000",
            "ftp://minio",
            "https://",
            "http://me:secret@minio",
        ] {
            let message = refused(&[("AWS_ENDPOINT_URL", url)]);
            assert!(
                message.contains("`https://minio.example.org:9000`"),
                "{url}: {message}"
            );
            assert!(!message.contains("secret"), "{message}");
        }
    }
}
