//! Reports of users to those who keep order.

use chat_core::ids::{ReportId, UserId};
use chat_core::time::Timestamp;
use sqlx::PgExecutor;
use uuid::Uuid;

use super::names::{self, Stored};

/// What is reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the contract's")]
pub enum ReportTarget {
    User,
    Message,
    Room,
    Story,
}

impl Stored for ReportTarget {
    fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Message => "message",
            Self::Room => "room",
            Self::Story => "story",
        }
    }

    fn named(name: &str) -> Option<Self> {
        names::find(&[Self::User, Self::Message, Self::Room, Self::Story], name)
    }
}

/// Where a report stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the contract's")]
pub enum ReportStatus {
    Pending,
    Resolved,
    Rejected,
}

impl Stored for ReportStatus {
    fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Resolved => "resolved",
            Self::Rejected => "rejected",
        }
    }

    fn named(name: &str) -> Option<Self> {
        names::find(&[Self::Pending, Self::Resolved, Self::Rejected], name)
    }
}

/// A report.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the members are the contract's")]
pub struct Report {
    pub id: ReportId,
    pub reporter_id: UserId,
    pub target: ReportTarget,
    pub target_id: Uuid,
    pub reason: String,
    pub notes: Option<String>,
    pub status: ReportStatus,
    pub decided_by: Option<UserId>,
    pub decided_at: Option<Timestamp>,
    /// What the admin noted.
    pub decision: Option<String>,
    pub created_at: Timestamp,
}

/// Takes a report in; a new report is pending, whatever else its members say.
///
/// # Errors
/// If the database fails.
pub async fn insert(db: impl PgExecutor<'_>, report: &Report) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"
        INSERT INTO reports (report_id, reporter_id, target_type, target_id, reason, notes, created_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
        "#,
        report.id.uuid(),
        report.reporter_id.uuid(),
        report.target.name(),
        report.target_id,
        report.reason,
        report.notes,
        report.created_at.utc(),
    )
    .execute(db)
    .await
    .map(|_| ())
}

/// Which reports are listed.
#[derive(Debug, Clone, Copy, Default)]
pub struct Filter {
    /// Only those that stand there.
    pub status: Option<ReportStatus>,
    /// Only those before this one.
    pub before: Option<ReportId>,
    /// Without the first so many of them.
    pub skip: u64,
}

/// Reports, the latest first.
///
/// # Errors
/// If the database fails.
pub async fn list(
    db: impl PgExecutor<'_>,
    filter: Filter,
    limit: u32,
) -> Result<Vec<Report>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"
        SELECT report_id, reporter_id, target_type, target_id, reason, notes, status, decided_by, decided_at, decision,
               created_at
        FROM reports
        WHERE ($1::text IS NULL OR status = $1) AND ($2::uuid IS NULL OR report_id < $2)
        ORDER BY report_id DESC OFFSET $3 LIMIT $4
        "#,
        filter.status.map(ReportStatus::name),
        filter.before.map(ReportId::uuid),
        i64::try_from(filter.skip).unwrap_or(i64::MAX),
        i64::from(limit),
    )
    .fetch_all(db)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(Report {
                id: row.report_id.into(),
                reporter_id: row.reporter_id.into(),
                target: names::read("target_type", &row.target_type)?,
                target_id: row.target_id,
                reason: row.reason,
                notes: row.notes,
                status: names::read("status", &row.status)?,
                decided_by: row.decided_by.map(UserId::from),
                decided_at: row.decided_at.map(Timestamp::from),
                decision: row.decision,
                created_at: row.created_at.into(),
            })
        })
        .collect()
}

/// How many reports stand there, or how many there are.
///
/// # Errors
/// If the database fails.
pub async fn count(
    db: impl PgExecutor<'_>,
    status: Option<ReportStatus>,
) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM reports WHERE $1::text IS NULL OR status = $1"#,
        status.map(ReportStatus::name),
    )
    .fetch_one(db)
    .await
}

/// Decides a report; whether there is one. A later decision replaces an earlier one.
///
/// # Errors
/// If the database fails.
pub async fn decide(
    db: impl PgExecutor<'_>,
    report: ReportId,
    status: ReportStatus,
    by: UserId,
    note: Option<&str>,
    now: Timestamp,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        r#"
        UPDATE reports SET status = $2, decided_by = $3, decision = $4, decided_at = $5 WHERE report_id = $1
        "#,
        report.uuid(),
        status.name(),
        by.uuid(),
        note,
        now.utc(),
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() > 0)
}
