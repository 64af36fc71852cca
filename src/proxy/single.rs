//! Requests that are asked of one upstream once: what is passed on as it is, and token counts. They go through the same
//! breaker and limits as chat, but are neither repeated nor sent to another target.

use std::sync::Arc;

use http::Response;
use tokio::time::Instant;

use super::admit::{self, Skip, Wish};
use super::attempt::{Attempt, Budget, End};
use super::body::source::Source;
use super::exchange::Failed;
use super::meter::Meter;
use super::{classify, vendor_error};
use crate::base::outcome::AttemptClass;
use crate::chat::ApiError;
use crate::runtime::Target;

/// Lets the attempt in, or says why not.
pub(super) async fn begin(wish: Wish<'_>, target: &Arc<Target>, meter: &mut Meter) -> Result<Box<Attempt>, ApiError> {
    let admitted = match admit::upstream(wish, target, 0, false).await {
        // There is no other target: better one that wants to be left alone than none.
        Err(Skip::Resting { .. }) => admit::upstream(wish, target, 0, true).await,
        admitted => admitted,
    };
    let admitted = admitted.map_err(Skip::into_error)?;
    let begun = Instant::now();
    let mut attempt = Attempt::new(wish.worker, target, admitted, Budget::first(target, begun), begun);
    meter.attempt(&mut attempt);
    Ok(attempt)
}

/// The vendor answered with an error.
pub(super) async fn refused_by_vendor(target: &Target, head: &Response<()>, source: Source) -> Failed {
    let status = head.status().as_u16();
    let error = vendor_error::read(target, head, source).await;
    Failed { class: classify::answer(status, &error), status, hopeless: false, error: Box::new(error) }
}

/// Ends the attempt by what came of it.
pub(super) fn end<T>(attempt: &mut Attempt, answered: Result<T, Failed>) -> Result<T, ApiError> {
    match answered {
        Ok(answer) => {
            let now = Instant::now();
            attempt.content(now, false);
            attempt.end(now, &End { status: 200, ..End::new(AttemptClass::Success) });
            Ok(answer)
        }
        Err(failed) => Err(fail(attempt, failed)),
    }
}

/// Ends an attempt that failed.
pub(super) fn fail(attempt: &mut Attempt, failed: Failed) -> ApiError {
    attempt.end(Instant::now(), &End { status: failed.status, retry_after: failed.error.retry_after, ..End::new(failed.class) });
    *failed.error
}
