use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::SystemTime;

use super::*;
use crate::vendor::auth::Step;

/// Reads a file that is not there, or hands out a numbered token that lasts for an hour.
#[derive(Default)]
struct Numbered {
    count: AtomicUsize,
    is_down: bool,
}

impl Source for Numbered {
    fn step(&self, _: &[Vec<u8>], _: SystemTime) -> Result<Step, AuthError> {
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        if self.is_down {
            return Ok(Step::Read("/nowhere/at/all".into()));
        }
        let value = http::HeaderValue::from_str(&format!("Bearer t{number}")).unwrap();
        Ok(Step::Done(Granted { grant: Grant::Bearer(value), lasts: Some(Duration::from_secs(3600)) }))
    }
}

fn tokens(is_down: bool) -> Arc<Tokens> {
    let source = Numbered { is_down, ..Numbered::default() };
    Arc::new(Tokens::new(Box::new(source), ClientTls::default(), "vendor"))
}

#[tokio::test]
async fn all_who_wait_get_the_token_of_one_fetch() {
    let tokens = tokens(false);
    let all = futures_util::future::join_all((0..50).map(|_| tokens.get())).await;
    assert!(all.into_iter().all(|token| token.unwrap().exposed() == "t0"));
}

#[tokio::test]
async fn a_refused_token_is_replaced() {
    let tokens = tokens(false);
    let first = tokens.get().await.unwrap();
    assert!(tokens.refused(&first));
    let second = tokens.get().await.unwrap();
    assert_eq!(second.exposed(), "t1");
    assert!(!tokens.refused(&second));
    assert_eq!(tokens.get().await.unwrap().exposed(), "t1");
}

#[tokio::test]
async fn a_failure_is_told_to_all_who_wait() {
    let tokens = tokens(true);
    let all = futures_util::future::join_all((0..50).map(|_| tokens.get())).await;
    assert!(all.into_iter().all(|token| token.is_err_and(|error| error.to_string() == "a file of the credential cannot be read")));
}

#[tokio::test]
async fn a_fetch_that_is_given_up_keeps_nobody_waiting() {
    let tokens = tokens(false);
    tokens.cached.lock().look(Instant::now());
    drop(Fetching { tokens: Arc::clone(&tokens), has_ended: false });
    assert!(tokens.get().await.is_err());
}
