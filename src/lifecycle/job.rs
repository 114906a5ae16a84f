//! What an OdooInitJob is to become next.

use super::observed::BatchJob;
use crate::api::v1::{JobPhase, Phase};

/// What decides over an OdooInitJob.
#[derive(Clone, Debug)]
pub struct JobContext<'a> {
    /// uid of the job object.
    pub uid: &'a str,
    /// Where it stands.
    pub phase: JobPhase,
    /// Whether its deletion was asked for.
    pub deleting: bool,
    /// Whether `spec.cancel` is true.
    pub cancel: bool,
    /// Whether it holds our finalizer.
    pub held: bool,
    /// Whether it was made so recently that waiting is not worth a report yet.
    pub fresh: bool,
    /// The instance that it refers to, if it is there.
    pub instance: Option<JobTarget<'a>>,
    /// Why it cannot be run as it is, in words.
    pub rejected: Option<String>,
    /// Its batch Job.
    pub batch: BatchJob,
}

/// What a job needs to know of its instance.
#[derive(Clone, Debug)]
pub struct JobTarget<'a> {
    /// Phase of the instance.
    pub phase: Phase,
    /// Whether its database has an Odoo in it.
    pub db_initialized: bool,
    /// uid of the object that asked for the operation under way.
    pub operation: Option<&'a str>,
    /// Whether it is being removed.
    pub deleting: bool,
    /// Whether it is suspended.
    pub suspended: bool,
}

/// What is to be done about an OdooInitJob.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JobPlan {
    /// Nothing until something changes.
    Wait,
    /// Look again soon: it is too early to say that it waits.
    WaitALittle,
    /// Say what it waits for: reason and message of `Accepted=False`.
    Report(&'static str, String),
    /// Hold the object, make the batch Job, say Running.
    Start,
    /// Find out whether base is installed, then record the outcome.
    Verify(Option<String>),
    /// Collect step and log tail of the failed pod, then record the outcome.
    RecordFailure,
    /// Stop the batch Job and record this outcome: reason and message.
    Fail(&'static str, String),
    /// The outcome is recorded: remove the batch Job and let the object go.
    CleanUp,
}

impl<'a> JobContext<'a> {
    fn chosen(&self) -> bool {
        self.instance.as_ref().is_some_and(|instance| instance.operation == Some(self.uid))
    }

    fn waits_for(&self, instance: &JobTarget<'a>) -> JobPlan {
        if self.fresh {
            return JobPlan::WaitALittle;
        }
        let (reason, message) = if instance.suspended {
            ("Suspended", "the instance is suspended (spec.suspend); the job runs when it no longer is".to_owned())
        } else if instance.operation.is_some() {
            ("WaitingForOperation", "another operation of the instance is under way; the job runs after it".to_owned())
        } else {
            (
                "WaitingForInstance",
                format!("the instance is in phase {:?}; the job runs when its database is ready", instance.phase),
            )
        };
        JobPlan::Report(reason, message)
    }
}

/// Decides the next step of an OdooInitJob.
pub fn decide_init(job: &JobContext<'_>) -> JobPlan {
    if job.phase.is_terminal() {
        return if job.held { JobPlan::CleanUp } else { JobPlan::Wait };
    }
    if job.deleting {
        return if job.held {
            JobPlan::Fail("Vanished", "the job was deleted before it ended".to_owned())
        } else {
            JobPlan::Wait
        };
    }
    if job.cancel {
        return JobPlan::Fail("Cancelled", "cancelled by spec.cancel".to_owned());
    }
    // What runs already was fit to run when it began.
    if let (Some(why), JobPhase::Pending) = (&job.rejected, job.phase) {
        return JobPlan::Fail("InvalidSpec", why.clone());
    }
    let Some(instance) = &job.instance else {
        if job.phase == JobPhase::Running {
            return JobPlan::Fail("InstanceGone", "the instance was deleted before the job ended".to_owned());
        }
        let message = "the OdooInstance that spec.odooInstanceRef names is not there; the job runs when it is";
        return if job.fresh { JobPlan::WaitALittle } else { JobPlan::Report("InstanceNotFound", message.to_owned()) };
    };
    if instance.deleting {
        return JobPlan::Fail("InstanceGone", "the instance is being deleted".to_owned());
    }
    if !job.chosen() {
        if job.phase == JobPhase::Running {
            return JobPlan::Fail("Superseded", "the instance went on without this job".to_owned());
        }
        return if instance.db_initialized {
            let message = "the database has an Odoo in it already; an OdooInitJob only fills an empty one";
            JobPlan::Fail("AlreadyInitialized", message.to_owned())
        } else {
            job.waits_for(instance)
        };
    }
    match (&job.batch, job.phase) {
        (BatchJob::Absent, JobPhase::Running) => {
            JobPlan::Fail("Vanished", "its batch Job was deleted before it ended".to_owned())
        }
        (BatchJob::Absent, _) => JobPlan::Start,
        // The batch Job was made and the object does not say so yet.
        (BatchJob::Active, JobPhase::Pending) => JobPlan::Start,
        (BatchJob::Active, _) => JobPlan::Wait,
        (BatchJob::Succeeded(message), _) => JobPlan::Verify(message.clone()),
        (BatchJob::Failed, _) => JobPlan::RecordFailure,
        (BatchJob::Stuck(why), _) => JobPlan::Fail("ContainerNotStarted", why.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(phase: JobPhase, batch: BatchJob) -> JobContext<'static> {
        let instance = JobTarget {
            phase: Phase::Initializing,
            db_initialized: false,
            operation: Some("u1"),
            deleting: false,
            suspended: false,
        };
        JobContext {
            uid: "u1",
            phase,
            deleting: false,
            cancel: false,
            held: true,
            fresh: false,
            instance: Some(instance),
            rejected: None,
            batch,
        }
    }

    #[test]
    fn work_that_vanished_failed() {
        let plan = decide_init(&job(JobPhase::Running, BatchJob::Absent));
        assert!(matches!(plan, JobPlan::Fail("Vanished", _)), "{plan:?}");
        let deleted = JobContext { deleting: true, ..job(JobPhase::Running, BatchJob::Active) };
        assert!(matches!(decide_init(&deleted), JobPlan::Fail("Vanished", _)));
    }

    #[test]
    fn a_crash_between_batch_job_and_status_is_made_good() {
        assert_eq!(decide_init(&job(JobPhase::Pending, BatchJob::Active)), JobPlan::Start);
        assert_eq!(decide_init(&job(JobPhase::Pending, BatchJob::Succeeded(None))), JobPlan::Verify(None));
    }

    #[test]
    fn nothing_waits_silently() {
        let mut waiting = job(JobPhase::Pending, BatchJob::Absent);
        waiting.instance.as_mut().unwrap().operation = Some("other");
        assert!(matches!(decide_init(&waiting), JobPlan::Report("WaitingForOperation", _)));
        waiting.instance = None;
        assert!(matches!(decide_init(&waiting), JobPlan::Report("InstanceNotFound", _)));
    }

    #[test]
    fn an_initialised_database_is_not_initialised_again() {
        let mut late = job(JobPhase::Pending, BatchJob::Absent);
        let instance = late.instance.as_mut().unwrap();
        (instance.operation, instance.db_initialized) = (None, true);
        assert!(matches!(decide_init(&late), JobPlan::Fail("AlreadyInitialized", _)));
    }

    #[test]
    fn a_job_that_breaks_a_rule_is_not_begun() {
        let bad = |phase| JobContext { rejected: Some("bad".to_owned()), ..job(phase, BatchJob::Active) };
        assert_eq!(decide_init(&bad(JobPhase::Pending)), JobPlan::Fail("InvalidSpec", "bad".to_owned()));
        assert_eq!(decide_init(&bad(JobPhase::Running)), JobPlan::Wait);
    }

    #[test]
    fn a_cancelled_job_ends() {
        for phase in [JobPhase::Pending, JobPhase::Running] {
            let cancelled = JobContext { cancel: true, ..job(phase, BatchJob::Active) };
            assert!(matches!(decide_init(&cancelled), JobPlan::Fail("Cancelled", _)), "{phase:?}");
        }
        let late = JobContext { cancel: true, ..job(JobPhase::Completed, BatchJob::Absent) };
        assert_eq!(decide_init(&late), JobPlan::CleanUp);
    }

    #[test]
    fn an_ended_job_is_cleaned_up_once() {
        assert_eq!(decide_init(&job(JobPhase::Completed, BatchJob::Absent)), JobPlan::CleanUp);
        let released = JobContext { held: false, ..job(JobPhase::Completed, BatchJob::Absent) };
        assert_eq!(decide_init(&released), JobPlan::Wait);
    }
}
