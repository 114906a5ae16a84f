//! The defaults that the operator's settings decide.

use super::{Source, put};
use crate::admission::subject::Spec;
use crate::api::settings::Defaults;
use crate::api::v1::{BackupFormat, DatabaseSpec, Filestore, Ingress, OdooInstanceSpec, S3Location};

/// Fills every field that the settings decide. True if that changed anything.
pub(super) fn fill(spec: &mut Spec, source: Source<'_>) -> bool {
    let changed = match spec {
        Spec::Instance(spec) => instance(spec, source.old.and_then(Spec::instance), source),
        _ => false,
    };
    regions(spec, source) || changed
}

fn instance(spec: &mut OdooInstanceSpec, old: Option<&OdooInstanceSpec>, source: Source<'_>) -> bool {
    let defaults = source.defaults;
    let optional = source.is_new.then_some(defaults);
    let mut changed = first(&mut spec.image, old.and_then(|old| old.image.as_ref()), Some(&defaults.image));
    changed |= first(
        &mut spec.resources,
        old.and_then(|old| old.resources.as_ref()),
        optional.and_then(|settings| settings.resources.as_ref()),
    );
    changed |= first(
        &mut spec.affinity,
        old.and_then(|old| old.affinity.as_ref()),
        optional.and_then(|settings| settings.affinity.as_ref()),
    );
    changed |= first(
        &mut spec.tolerations,
        old.and_then(|old| old.tolerations.as_ref()),
        optional.and_then(|settings| settings.tolerations.as_ref()),
    );

    let old_cron = old.and_then(|old| old.cron.as_ref());
    if let Some(cron) = &mut spec.cron {
        changed |= first(
            &mut cron.resources,
            old_cron.and_then(|cron| cron.resources.as_ref()),
            optional.and_then(|settings| settings.cron_resources.as_ref()),
        );
    }
    if let Some(restore) = spec.initialization.as_mut().and_then(|init| init.restore.as_mut()) {
        changed |= put(&mut restore.format, || BackupFormat::Zip);
    }
    changed |= filestore(spec.filestore.get_or_insert_default(), old.and_then(|old| old.filestore.as_ref()), source);
    changed |= ingress(&mut spec.ingress, old.map(|old| &old.ingress), optional);
    changed | database(&mut spec.database, old.and_then(|old| old.database.as_ref()), source.default_cluster)
}

/// The old object's value, else the setting.
fn first<T: Clone>(field: &mut Option<T>, old: Option<&T>, setting: Option<&T>) -> bool {
    if field.is_some() {
        return false;
    }
    *field = old.or(setting).cloned();
    field.is_some()
}

fn filestore(filestore: &mut Filestore, old: Option<&Filestore>, source: Source<'_>) -> bool {
    let defaults = source.defaults;
    first(&mut filestore.storage_size, old.and_then(|old| old.storage_size.as_ref()), Some(&defaults.storage_size))
        | first(
            &mut filestore.storage_class,
            old.and_then(|old| old.storage_class.as_ref()),
            defaults.storage_class.as_ref().filter(|_| source.is_new),
        )
        | first(&mut filestore.access_mode, old.and_then(|old| old.access_mode.as_ref()), Some(&defaults.access_mode))
}

/// A Gateway and a class exclude each other: whichever the manifest names, the other is not filled in. An issuer goes
/// with an Ingress.
fn ingress(ingress: &mut Ingress, old: Option<&Ingress>, settings: Option<&Defaults>) -> bool {
    let mut changed = false;
    if ingress.class.is_none() && ingress.gateway_ref.is_none() {
        let before = old.filter(|old| old.class.is_some() || old.gateway_ref.is_some());
        let (class, gateway) = match (before, settings) {
            (Some(old), _) => (&old.class, &old.gateway_ref),
            (None, Some(settings)) if settings.gateway_ref.is_some() => (&None, &settings.gateway_ref),
            (None, Some(settings)) => (&settings.ingress_class, &None),
            (None, None) => (&None, &None),
        };
        ingress.class.clone_from(class);
        ingress.gateway_ref.clone_from(gateway);
        changed |= class.is_some() || gateway.is_some();
    }
    if ingress.gateway_ref.is_none() {
        let setting = settings.and_then(|settings| settings.ingress_issuer.as_ref());
        changed |= first(&mut ingress.issuer, old.and_then(|old| old.issuer.as_ref()), setting);
    }
    changed
}

fn database(field: &mut Option<DatabaseSpec>, old: Option<&DatabaseSpec>, default: Option<&str>) -> bool {
    if field.as_ref().is_some_and(|database| database.credentials_secret_ref.is_some() || database.cluster.is_some()) {
        return false;
    }
    let old = old.and_then(|old| old.cluster.as_deref());
    let Some(cluster) = old.or(default) else { return false };
    let database = field.get_or_insert_with(|| DatabaseSpec {
        missing_policy: Some(crate::api::v1::MissingPolicy::Ignore),
        ..DatabaseSpec::default()
    });
    database.cluster = Some(cluster.to_owned());
    true
}

/// A location that was there without a region stays without: a job that has begun cannot change.
fn regions(spec: &mut Spec, source: Source<'_>) -> bool {
    let old: Vec<_> = source.old.map(Spec::s3_locations).unwrap_or_default();
    let decided = |path: &str| match old.iter().find(|(found, _)| *found == path) {
        Some((_, location)) => location.region.clone(),
        None if source.is_new || source.old.is_some() => Some(source.defaults.region.clone()),
        None => None,
    };
    let mut changed = false;
    let mut fill = |path: &str, location: Option<&mut S3Location>| {
        if let Some(location) = location {
            changed |= first(&mut location.region, decided(path).as_ref(), None);
        }
    };
    match spec {
        Spec::Instance(spec) => {
            let restore = spec.initialization.as_mut().and_then(|init| init.restore.as_mut()?.s3.as_mut());
            fill("spec.initialization.restore.s3", restore);
            let backup = spec.upgrade.as_mut().and_then(|upgrade| upgrade.backup.as_mut());
            fill("spec.upgrade.backup.destination", backup.map(|backup| &mut backup.destination));
        }
        Spec::BackupJob(spec) => fill("spec.destination", Some(&mut spec.destination)),
        Spec::RestoreJob(spec) => fill("spec.source.s3", spec.source.s3.as_mut()),
        Spec::BackupSchedule(spec) => fill("spec.template.destination", Some(&mut spec.template.destination)),
        Spec::InitJob(_) | Spec::UpgradeJob(_) | Spec::RefreshJob(_) => {}
    }
    changed
}
