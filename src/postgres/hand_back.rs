use super::cluster::Cluster;
use super::database::as_member;
use super::error::Error;
use super::ident::Ident;
use super::inventory;

impl Cluster {
    /// Undoes what taking over did: the databases whose COMMENT carries this uid belong to the instance's role again
    /// and lose the COMMENT, and the role gets CREATEDB back. Answers with the databases' names. PUBLIC's CONNECT
    /// stays away: who was granted it by name keeps it, and the role needs no grant on what it owns.
    pub async fn hand_back(&self, role: &str, uid: &str) -> Result<Vec<String>, Error> {
        self.bounded(async {
            let session = self.session().await?;
            session.lock(uid).await?;
            let found = inventory::read(&session, None, false).await?;
            let mut handed = Vec::new();
            if let Some(it) = found.role(role).filter(|role| !role.superuser) {
                let owner = Ident(role);
                for database in found.databases_of(uid) {
                    let name = Ident(&database.name);
                    // The COMMENT first: only the owner may write it.
                    let sql = format!("COMMENT ON DATABASE {name} IS NULL; ALTER DATABASE {name} OWNER TO {owner}");
                    let doing = format!("give database {:?} back to role {role:?}", database.name);
                    session.run(&doing, &as_member(&session, role, &sql)).await?;
                    handed.push(database.name.clone());
                }
                if !it.createdb {
                    let doing = format!("give CREATEDB back to role {role:?}");
                    session.run(&doing, &format!("ALTER ROLE {owner} CREATEDB")).await?;
                }
            }
            session.unlock(uid).await?;
            session.give_back();
            Ok(handed)
        })
        .await
    }
}
