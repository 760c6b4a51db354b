//! What is committed is what the code makes, and every sample is valid.

use std::fs;
use std::path::PathBuf;

use chat_operator::manifest;

fn repository() -> PathBuf {
    PathBuf::from("..")
}

fn read(path: &str) -> String {
    fs::read_to_string(repository().join(path)).expect(path)
}

#[test]
fn the_committed_crds_are_those_of_the_code() {
    let printed = manifest::crd().expect("a CRD");
    for path in [
        "crds/chatclusters.chatcluster.dev.yaml",
        "charts/chatcluster-operator/files/chatclusters.chatcluster.dev.yaml",
    ] {
        assert!(
            read(path) == printed,
            "{path} is out of date; run operator/generate.sh"
        );
    }
}

#[test]
fn an_uninstalled_chart_leaves_the_crd() {
    assert!(
        manifest::crd()
            .expect("a CRD")
            .contains("helm.sh/resource-policy: keep")
    );
}

#[test]
fn every_sample_is_valid_and_written_as_the_schema_spells_it() {
    let mut samples = 0;
    for entry in fs::read_dir(repository().join("manifests/samples")).expect("samples") {
        let path = entry.expect("an entry").path();
        let text = fs::read_to_string(&path).expect("a sample");
        if !text.contains("kind: ChatCluster") {
            continue;
        }
        manifest::check(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        samples += 1;
    }
    assert!(samples >= 4, "{samples}");
}

#[test]
fn a_manifest_with_a_misspelt_field_is_refused() {
    let manifest = "{apiVersion: chatcluster.dev/v1alpha1, kind: ChatCluster, metadata: {name: demo}, spec: {gatway: {}}}";
    let error = manifest::check(manifest)
        .expect_err("a misspelt field")
        .to_string();
    assert!(error.contains("gatway"), "{error}");
}
