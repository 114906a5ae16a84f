//! Two instances: one that says nothing beyond what it must, one that says everything.

use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Secret;
use serde_json::{Value, json};

use super::super::jobs;
use super::super::{
    DatabaseAccess, HttpRoute, Inputs, InstanceSecrets, OdooVersion, Routing, cron, init_job_cr, pdb, pvc, secret,
    service, service_account, web,
};
use crate::api::v1::{OdooInitJob, OdooInstance};

/// Stands in every secret value, so that a leak is seen.
pub const CANARY: &str = "CANARY7f3a";

/// An instance with everything around it.
pub struct Fixture {
    pub instance: OdooInstance,
    pub database: DatabaseAccess,
    pub secrets: InstanceSecrets,
    pub version: Option<OdooVersion>,
}

impl Fixture {
    /// A defaulted quick start.
    pub fn plain() -> Self {
        Self::of(&json!({
            "image": "odoo:18.0",
            "replicas": 1,
            "cron": {"replicas": 1},
            "environment": "Staging",
            "ingress": {"hosts": ["shop.example.com"], "issuer": "letsencrypt-prod"},
            "resources": {"requests": {"cpu": "200m", "memory": "512Mi"}, "limits": {"cpu": "2", "memory": "2Gi"}},
            "filestore": {"storageSize": "5Gi", "storageClass": "standard", "accessMode": "ReadWriteMany"},
        }))
    }

    /// Every field that shows in an object.
    pub fn full() -> Self {
        let mut fixture = Self::of(&json!({
            "image": "registry.example.com/odoo:19.0",
            "imagePullSecret": "registry",
            "replicas": 3,
            "cron": {"replicas": 2, "resources": {"limits": {"memory": "1Gi"}}},
            "environment": "Production",
            "ingress": {
                "hosts": ["shop.example.com", "www.example.com"],
                "issuer": "letsencrypt-prod",
                "class": "nginx",
                "annotations": {"nginx.ingress.kubernetes.io/proxy-body-size": "128m"},
            },
            "resources": {"limits": {"memory": "2Gi"}},
            "filestore": {"storageSize": "50Gi", "storageClass": "nfs", "accessMode": "ReadWriteMany"},
            "configOptions": {
                "addons_path": "/mnt/extra-addons,/mnt/more",
                "workers": "4",
                "max_cron_threads": "3",
                "limit_time_real_cron": "7200",
                "server_wide_modules": "base,web,queue_job",
            },
            "initialization": {
                "modules": ["sale", "stock"],
                "languages": ["fr_BE", "nl_BE"],
                "demo": true,
                "webhook": {"url": "https://example.com/hook"},
            },
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0}},
            "probes": {"startupPath": "/web/login", "livenessPath": "/web/health", "readinessPath": "web/ready"},
            "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [
                {"matchExpressions": [{"key": "pool", "operator": "In", "values": ["odoo"]}]},
            ]}}},
            "tolerations": [{"key": "odoo", "operator": "Exists"}],
            "nodeSelector": {"disk": "ssd"},
            "topologySpreadConstraints": [{
                "maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": {"matchLabels": {"app": "shop"}},
            }],
            "priorityClassName": "high",
            "extraEnv": [
                {"name": "TZ", "value": "UTC"},
                {"name": "PGHOST", "value": "elsewhere"},
                {"name": "TZ", "value": "Europe/Brussels"},
                {"name": "INIT_MODULES", "value": "evil"},
                {"name": "URL", "value": "https://$(PGHOST)"},
            ],
            "extraEnvFrom": [{"secretRef": {"name": "more"}}],
            "podDisruptionBudget": {"minAvailable": "50%"},
        }));
        fixture.database.ca = Some("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n".to_owned());
        fixture.database.sslmode = "verify-full".to_owned();
        fixture.version = OdooVersion::parse("19.0");
        fixture
    }

    pub fn of(spec: &Value) -> Self {
        let object = json!({
            "apiVersion": "bemade.org/v1",
            "kind": "OdooInstance",
            "metadata": {"name": "shop", "namespace": "eu", "uid": "3f2a9c1e-0b7d-4c55-9a10-77aa01fe23bd"},
            "spec": spec,
        });
        Self {
            instance: serde_json::from_value(object).unwrap(),
            database: DatabaseAccess {
                host: "pg.example.com".to_owned(),
                port: 5432,
                name: "odoo_3f2a9c1e_0b7d_4c55_9a10_77aa01fe23bd".to_owned(),
                user: "odoo.eu.shop".to_owned(),
                sslmode: "prefer".to_owned(),
                ca: None,
            },
            secrets: InstanceSecrets {
                db_password: format!("pw-{CANARY}").into(),
                admin_hash: format!("$pbkdf2-sha512$600000$admin{CANARY}").into(),
                master_hash: format!("$pbkdf2-sha512$600000$master{CANARY}").into(),
                digest: format!("digest{CANARY}").into(),
                digest_key: format!("key{CANARY}").into(),
            },
            version: None,
        }
    }

    pub fn inputs(&self) -> Inputs<'_> {
        Inputs {
            instance: &self.instance,
            image: self.instance.spec.image.as_deref().unwrap_or("odoo:18.0"),
            database: &self.database,
            secrets: &self.secrets,
            odoo_version: self.version,
        }
    }

    pub fn init_cr(&self) -> OdooInitJob {
        let mut cr = init_job_cr::auto_init(&self.inputs());
        cr.metadata.uid = Some("aa11bb22-0000-0000-0000-000000000000".to_owned());
        cr
    }

    pub fn init_job(&self) -> Job {
        jobs::init::job(&self.inputs(), &self.init_cr())
    }

    pub fn secrets(&self) -> Vec<Secret> {
        let inputs = self.inputs();
        let password = format!("admin-{CANARY}").into();
        vec![secret::odoo_conf(&inputs), secret::user(&inputs), secret::admin(&inputs, &password)]
    }

    /// Every object that is not a Secret, under a short name.
    pub fn objects(&self) -> Vec<(&'static str, Value)> {
        let inputs = self.inputs();
        let routing = match Routing::of(&inputs) {
            Some(Routing::Ingress(ingress)) => serde_json::to_value(ingress).unwrap(),
            Some(Routing::HttpRoute(route)) => json_of(&route),
            None => Value::Null,
        };
        let mut objects = vec![
            ("pvc", serde_json::to_value(pvc::filestore(&inputs)).unwrap()),
            ("service", serde_json::to_value(service::web(&inputs)).unwrap()),
            ("routing", routing),
            ("service_account", serde_json::to_value(service_account::pods(&inputs)).unwrap()),
            ("web", serde_json::to_value(web::deployment(&inputs, inputs.spec().web_replicas())).unwrap()),
            ("cron", serde_json::to_value(cron::deployment(&inputs, inputs.spec().cron_replicas())).unwrap()),
            ("init_cr", serde_json::to_value(self.init_cr()).unwrap()),
            ("init_job", serde_json::to_value(self.init_job()).unwrap()),
        ];
        if let Some(pdb) = pdb::web(&inputs) {
            objects.push(("pdb", serde_json::to_value(pdb).unwrap()));
        }
        objects
    }
}

fn json_of(route: &HttpRoute) -> Value {
    serde_json::to_value(route).unwrap()
}
