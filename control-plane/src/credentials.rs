//! Who may log in: kube-apiserver's token file, and the kubeconfig that clients read.

use std::{
    fmt::Write as _,
    fs::{self, File},
    io::{self, Read},
    path::Path,
};

use serde_json::json;

use crate::options::User;

/// The administrator's name, and that of the kubeconfig's current context.
pub(crate) const ADMIN: &str = "admin";

/// The administrator, with a fresh token. Requests of `system:masters` pass RBAC, and priority and fairness.
pub(crate) fn admin() -> io::Result<User> {
    let mut random = [0; 16];
    File::open("/dev/urandom")?.read_exact(&mut random)?;
    let token = random.iter().fold(String::new(), |mut token, byte| {
        // Writing to a string doesn't fail.
        let _ = write!(token, "{byte:02x}");
        token
    });
    Ok(User { name: ADMIN.to_owned(), token, groups: vec!["system:masters".to_owned()] })
}

/// Writes kube-apiserver's token file: CSV of token, name, uid, and the groups in one column.
pub(crate) fn write_tokens(path: &Path, users: &[User]) -> io::Result<()> {
    let quoted = |value: &str| format!("\"{}\"", value.replace('"', "\"\""));
    let lines: String = users
        .iter()
        .map(|User { name, token, groups }| {
            [token, name, name, &groups.join(",")].map(|value| quoted(value)).join(",") + "\n"
        })
        .collect();
    fs::write(path, lines)
}

/// Writes a kubeconfig with a context for each user, as JSON, which is YAML.
pub(crate) fn write_kubeconfig(path: &Path, url: &str, ca_file: &Path, users: &[User]) -> io::Result<()> {
    let named = |name: &str, key: &str, value| json!({ "name": name, key: value });
    let config = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [named("control-plane", "cluster", json!({ "server": url, "certificate-authority": ca_file }))],
        "users": users.iter().map(|user| named(&user.name, "user", json!({ "token": user.token }))).collect::<Vec<_>>(),
        "contexts": users
            .iter()
            .map(|user| named(&user.name, "context", json!({ "cluster": "control-plane", "user": user.name })))
            .collect::<Vec<_>>(),
        "current-context": ADMIN,
    });
    fs::write(path, format!("{config:#}\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn token_file_quotes_each_column() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let user = User { name: "o\"neil".into(), token: "t".into(), groups: vec!["a".into(), "b".into()] };
        write_tokens(file.path(), &[user]).unwrap();
        assert_eq!(fs::read_to_string(file.path()).unwrap(), "\"t\",\"o\"\"neil\",\"o\"\"neil\",\"a,b\"\n");
    }

    #[test]
    fn admins_get_different_tokens() {
        assert_ne!(admin().unwrap().token, admin().unwrap().token);
    }
}
