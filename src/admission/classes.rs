//! What is said to whoever edits or deletes a GatewayClass: it is always allowed, and they hear what comes of it.

use tracing::debug;

use super::Admission;
use super::review::{Answer, Operation, Request};
use crate::cluster::class::Class;
use crate::cluster::error::ApiError;
use crate::engine::edit;
use crate::engine::live::Live;

/// Answers a request about a class.
pub(super) fn judge(request: Request<Class>, admission: &Admission) -> Answer {
    let warnings = warnings(request, admission).unwrap_or_else(|error| {
        // Whoever edits it can't help that.
        debug!(%error, "a class under review can't be read");
        Vec::new()
    });
    Answer::Allowed(warnings.into_iter().map(super::fit).collect())
}

fn warnings(request: Request<Class>, admission: &Admission) -> Result<Vec<String>, ApiError> {
    let Request { operation, sub_resource, object, old_object, options, .. } = request;
    let writer = options.unwrap_or_default().field_manager;
    let is_about_something_else = !sub_resource.is_empty() || admission.is_own(&writer);
    let Some(before) = old_object.filter(|_| !is_about_something_else).map(Class::into_live).transpose()? else {
        return Ok(Vec::new());
    };
    let Some(default) = admission.default_of(&before.name) else { return Ok(Vec::new()) };
    let after: Option<Live> = object.map(Class::into_live).transpose()?;
    Ok(match (operation, after) {
        (Operation::Update, Some(after)) => {
            let manager = admission.installation.manager(&default.author);
            edit::of_update(&default, &before, &after, &manager)
        }
        (Operation::Delete, _) => edit::of_deletion(&default, &before),
        (Operation::Create | Operation::Connect | Operation::Update, _) => Vec::new(),
    })
}
