//! `PostgresReady`, `RabbitMQReady` and `RedisReady`.

use super::Verdict;
use crate::build::Component;
use crate::children::facts::Workload;
use crate::children::{ChildKey, ClusterChildren, Facts};
use crate::crd::ComponentStatus;
use crate::kinds::Kind;
use crate::validate::Plan;

/// Whether a migration can be tried.
#[must_use]
pub fn database_answers(plan: &Plan, live: &ClusterChildren) -> bool {
    postgres(plan, live).holds()
}

pub(super) fn postgres(plan: &Plan, live: &ClusterChildren) -> Verdict {
    verdict(plan, live, Component::Postgres)
}

pub(super) fn rabbitmq(plan: &Plan, live: &ClusterChildren) -> Verdict {
    verdict(plan, live, Component::RabbitMq)
}

pub(super) fn redis(plan: &Plan, live: &ClusterChildren) -> Verdict {
    verdict(plan, live, Component::Redis)
}

fn verdict(plan: &Plan, live: &ClusterChildren, component: Component) -> Verdict {
    if is_external(plan, component) {
        return Verdict::yes(
            "External",
            "It is run by someone else; the pods that use it tell whether it answers",
        );
    }
    let Some(workload) = workload(plan, live, Kind::StatefulSet, component) else {
        return Verdict::no("Creating", "It is being made");
    };
    let counts = format!("{} of {} ready", workload.ready, workload.replicas);
    // A majority serves: quorum queues then still take and give messages.
    let quorum = workload.replicas / 2 + 1;
    match workload.ready {
        ready if ready >= workload.replicas => Verdict::yes("Available", counts),
        ready if ready >= quorum => Verdict::yes("Degraded", counts),
        _ => match trouble(live, component) {
            Some(trouble) => Verdict::no("PodsFailing", format!("{counts}; {trouble}")),
            None => Verdict::no("NotEnoughReady", counts),
        },
    }
}

pub(super) fn status(plan: &Plan, live: &ClusterChildren, component: Component) -> ComponentStatus {
    if is_external(plan, component) {
        return ComponentStatus {
            summary: "external".to_owned(),
            ..ComponentStatus::default()
        };
    }
    let image = match component {
        Component::Postgres => &plan.images.postgres,
        Component::RabbitMq => &plan.images.rabbitmq,
        _ => &plan.images.redis,
    };
    let replicas = match component {
        Component::RabbitMq => plan
            .rabbitmq
            .managed()
            .map_or(1, |managed| managed.replicas),
        _ => 1,
    };
    let workload = workload(plan, live, Kind::StatefulSet, component)
        .cloned()
        .unwrap_or_default();
    ComponentStatus {
        replicas,
        ready_replicas: workload.ready,
        updated_replicas: workload.updated,
        summary: format!("{}/{replicas}", workload.ready),
        image: Some(image.clone()),
    }
}

fn is_external(plan: &Plan, component: Component) -> bool {
    match component {
        Component::Postgres => plan.postgres.external().is_some(),
        Component::RabbitMq => plan.rabbitmq.external().is_some(),
        Component::Redis => plan.redis.external().is_some(),
        Component::Shared | Component::Gateway | Component::Processor | Component::Migration => {
            false
        }
    }
}

/// How far a component's workload is, where it exists and is not on its way out.
pub(super) fn workload<'a>(
    plan: &Plan,
    live: &'a ClusterChildren,
    kind: Kind,
    component: Component,
) -> Option<&'a Workload> {
    let child = live.get(&ChildKey::new(kind, &plan.child(component.as_str())))?;
    match &child.facts {
        Facts::Workload(workload) if !child.deleting => Some(workload),
        _ => None,
    }
}

/// What keeps a pod of the component from running.
pub(super) fn trouble(live: &ClusterChildren, component: Component) -> Option<String> {
    live.iter().find_map(|(key, child)| match &child.facts {
        Facts::Pod(pod) if *pod.component == *component.as_str() && !child.deleting => {
            let trouble = pod.trouble.as_deref()?;
            Some(format!("{}: {trouble}", key.name))
        }
        _ => None,
    })
}

#[cfg(test)]
pub(in crate::status) mod tests {
    use serde_json::json;

    use super::*;
    use crate::children::{Children, ClusterKey};
    use crate::crd::ChatCluster;

    /// A plan of a ChatCluster `chat/demo` with the given spec.
    pub(in crate::status) fn plan(spec: &str) -> Plan {
        crate::validate::plan(&cluster(spec), crate::resolve::tests::resolved())
    }

    fn cluster(spec: &str) -> ChatCluster {
        let mut cluster = ChatCluster::new("demo", serde_yaml_ng::from_str(spec).unwrap());
        cluster.metadata.namespace = Some("chat".to_owned());
        cluster.metadata.uid = Some("11111111-1111-1111-1111-111111111111".to_owned());
        cluster
    }

    /// The live objects of a cluster with one workload and one pod.
    pub(in crate::status) fn live(
        kind: Kind,
        name: &str,
        component: &str,
        workload: Option<Workload>,
        trouble: Option<&str>,
    ) -> ClusterChildren {
        let children = Children::new(0);
        let labels =
            json!({"app.kubernetes.io/instance": "demo", "app.kubernetes.io/component": component});
        let object = |name: &str| json!({"metadata": {"namespace": "chat", "name": name, "uid": name, "labels": labels}});
        let mut pod = object("pod");
        if let Some(reason) = trouble {
            pod["status"] =
                json!({"containerStatuses": [{"state": {"waiting": {"reason": reason}}}]});
        }
        children.observe(Kind::Pod, &pod);
        if workload.is_some() {
            children.observe(kind, &object(name));
        }
        let mut live = children.of(&ClusterKey {
            namespace: "chat".to_owned(),
            name: "demo".to_owned(),
        });
        if let (Some(workload), Some(child)) = (workload, live.get_mut(&ChildKey::new(kind, name)))
        {
            child.facts = Facts::Workload(workload);
        }
        live
    }

    #[test]
    fn every_row_of_the_truth_table_has_its_reason() {
        let nodes = |replicas, ready| {
            Some(Workload {
                replicas,
                ready,
                ..Workload::default()
            })
        };
        let rows = [
            (None, None, "Creating", false),
            (nodes(1, 0), None, "NotEnoughReady", false),
            (nodes(1, 0), Some("ImagePullBackOff"), "PodsFailing", false),
            (nodes(1, 1), None, "Available", true),
            (nodes(3, 1), None, "NotEnoughReady", false),
            (nodes(3, 2), Some("CrashLoopBackOff"), "Degraded", true),
            (nodes(3, 3), None, "Available", true),
        ];
        for (workload, trouble, reason, holds) in rows {
            let live = live(
                Kind::StatefulSet,
                "demo-rabbitmq",
                "rabbitmq",
                workload.clone(),
                trouble,
            );
            let verdict = rabbitmq(&plan("{}"), &live);
            assert_eq!(
                (verdict.reason, verdict.holds()),
                (reason, holds),
                "{workload:?} {trouble:?}"
            );
        }
    }

    #[test]
    fn an_external_backend_is_not_waited_for() {
        let plan = plan("redis: {external: {secretRef: {name: redis}}}");
        assert_eq!(redis(&plan, &ClusterChildren::new()).reason, "External");
        assert_eq!(
            status(&plan, &ClusterChildren::new(), Component::Redis).summary,
            "external"
        );
    }
}
