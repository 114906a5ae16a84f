use super::cluster::{Cluster, Session};
use super::error::Error;

impl Cluster {
    /// Takes from every role what it can do in database `postgres` beyond connecting, which Odoo needs: temporary
    /// tables, and objects in schema public. For clusters that the operator manages alone. Answers with what
    /// could not be done: that is no reason to stop.
    pub async fn harden(&self) -> Result<Vec<String>, Error> {
        self.bounded(async {
            let inside = if self.config().admin_database == "postgres" {
                self.session().await?
            } else {
                self.session_in("postgres").await?
            };
            let mut left = Vec::new();
            for (doing, needed, sql) in STEPS {
                if let Err(error) = revoke(&inside, doing, needed, sql).await {
                    if error.is_unreachable() {
                        return Err(error);
                    }
                    left.push(error.to_string());
                }
            }
            inside.give_back();
            Ok(left)
        })
        .await
    }
}

const STEPS: [(&str, &str, &str); 2] = [
    (
        "revoke TEMPORARY on database postgres from PUBLIC",
        "SELECT 1 FROM pg_database d, aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a
         WHERE d.datname = 'postgres' AND a.grantee = 0 AND a.privilege_type = 'TEMPORARY'",
        "REVOKE TEMPORARY ON DATABASE postgres FROM PUBLIC",
    ),
    (
        "revoke CREATE in schema public of database postgres from PUBLIC",
        "SELECT 1 FROM pg_namespace n, aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) a
         WHERE n.nspname = 'public' AND a.grantee = 0 AND a.privilege_type = 'CREATE'",
        "REVOKE CREATE ON SCHEMA public FROM PUBLIC",
    ),
];

/// Without a right, REVOKE only warns; so what it changed is looked at.
async fn revoke(session: &Session, doing: &str, needed: &str, sql: &str) -> Result<(), Error> {
    if session.rows(doing, needed, &[]).await?.is_empty() {
        return Ok(());
    }
    session.run(doing, sql).await?;
    if session.rows(doing, needed, &[]).await?.is_empty() {
        return Ok(());
    }
    Err(Error::Privilege { doing: doing.to_owned(), message: "it does not own it".to_owned() })
}
