//! Makes the clients of object stores, with the settings in the environment.

use std::env;
use std::str::FromStr;
use std::sync::{Arc, Once};
use std::time::Duration;

use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::http::HttpBuilder;
use object_store::{BackoffConfig, ClientOptions, ObjectStore, Result, RetryConfig};

use super::url::{Scheme, Url};

/// How long a server may be silent.
const READ_TIMEOUT: Duration = Duration::from_secs(120);

/// How often a request is repeated that failed for a reason that may pass.
const RETRIES: usize = 5;

/// After this time, a request is not repeated.
const RETRY_TIMEOUT: Duration = Duration::from_secs(180);

/// Makes the client of a place. Makes no request.
pub(super) fn connect(url: &Url) -> Result<Arc<dyn ObjectStore>> {
    use_ring();
    let bucket = format!("{}://{}", url.scheme.name(), url.host);
    Ok(match url.scheme {
        Scheme::S3 => {
            let mut builder = AmazonS3Builder::new()
                .with_client_options(options())
                .with_retry(retries());
            let mut allows_http = false;
            for (key, value) in settings("AWS_") {
                allows_http |= key.starts_with("aws_endpoint") && value.starts_with("http://");
                if let Ok(key) = FromStr::from_str(&key) {
                    builder = builder.with_config(key, value);
                }
            }
            if allows_http {
                builder = builder.with_allow_http(true);
            }
            Arc::new(builder.with_url(bucket).build()?)
        }
        Scheme::Gs => {
            let mut builder = GoogleCloudStorageBuilder::new()
                .with_client_options(options())
                .with_retry(retries());
            for (key, value) in settings("GOOGLE_") {
                if let Ok(key) = FromStr::from_str(&key) {
                    builder = builder.with_config(key, value);
                }
            }
            Arc::new(builder.with_url(bucket).build()?)
        }
        Scheme::Az => {
            let mut builder = MicrosoftAzureBuilder::new()
                .with_client_options(options())
                .with_retry(retries());
            for (key, value) in settings("AZURE_") {
                if let Ok(key) = FromStr::from_str(&key) {
                    builder = builder.with_config(key, value);
                }
            }
            Arc::new(builder.with_url(bucket).build()?)
        }
        Scheme::Http | Scheme::Https => Arc::new(
            HttpBuilder::new()
                .with_url(url.text())
                .with_client_options(options().with_allow_http(true))
                .with_retry(retries())
                .build()?,
        ),
    })
}

/// The environment variables with a prefix, with their names in lower case.
fn settings(prefix: &str) -> impl Iterator<Item = (String, String)> {
    env::vars_os().filter_map(move |(key, value)| {
        let key = key.into_string().ok()?;
        let value = value.into_string().ok()?;
        key.starts_with(prefix)
            .then(|| (key.to_ascii_lowercase(), value))
    })
}

fn options() -> ClientOptions {
    ClientOptions::new()
        // Large files may take longer than any timeout of a whole request.
        .with_timeout_disabled()
        .with_read_timeout(READ_TIMEOUT)
}

fn retries() -> RetryConfig {
    RetryConfig {
        backoff: BackoffConfig::default(),
        max_retries: RETRIES,
        retry_timeout: RETRY_TIMEOUT,
    }
}

/// Makes ring the implementation of cryptography in this process. It needs only a C compiler.
fn use_ring() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // Fails if there is one already.
        drop(rustls::crypto::ring::default_provider().install_default());
    });
}
