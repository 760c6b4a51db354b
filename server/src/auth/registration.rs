//! What a registration must look like before an account is made of it.

use chat_core::error::{FieldError, Refusal};
use chat_core::limits;
use chat_processor::commands::text;
use secrecy::SecretString;
use serde::Deserialize;

/// Longest email address (RFC 5321).
const EMAIL_BYTES: usize = 254;

/// A registration as the client sent it; unknown members are ignored.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Registration {
    email: String,
    #[serde(deserialize_with = "super::password::deserialize")]
    password: SecretString,
    #[serde(default)]
    username: Option<String>,
    #[serde(default)]
    name: Option<String>,
    #[serde(default, alias = "first_name")]
    first_name: Option<String>,
    #[serde(default, alias = "middle_name")]
    middle_name: Option<String>,
    #[serde(default, alias = "last_name")]
    last_name: Option<String>,
    #[serde(default)]
    phone: Option<String>,
}

/// A registration that is well formed.
#[derive(Debug)]
pub(crate) struct Registrant {
    pub(crate) email: String,
    pub(crate) password: SecretString,
    pub(crate) username: Username,
    pub(crate) name: String,
    pub(crate) first_name: String,
    pub(crate) middle_name: String,
    pub(crate) last_name: String,
    pub(crate) phone: Option<String>,
}

/// Only a username that was chosen has to be free; a derived one gives way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Username {
    Given(String),
    Derived(String),
}

impl Registration {
    /// Checks every member and reports all that are wrong.
    pub(crate) fn check(self) -> Result<Registrant, Refusal> {
        let mut wrong = Vec::new();
        let email = self.email.trim().to_owned();
        if !is_email(&email) {
            wrong.push(field("email", "malformed", "must be an email address"));
        }
        check_password("password", &self.password, &mut wrong);
        let mut name = |path: &str, value: Option<String>, most: usize| {
            let given = value.filter(|value| !value.trim().is_empty());
            text::optional(path, given.as_deref(), 1..=most)
                .map_err(|refusal| wrong.extend(refusal.fields))
                .ok()
                .flatten()
        };
        let username = name("username", self.username, limits::USERNAME_CHARS);
        let full_name = name("name", self.name, limits::NAME_CHARS);
        let first_name = name("firstName", self.first_name, limits::NAME_CHARS).unwrap_or_default();
        let middle_name =
            name("middleName", self.middle_name, limits::NAME_CHARS).unwrap_or_default();
        let last_name = name("lastName", self.last_name, limits::NAME_CHARS).unwrap_or_default();
        let phone = name("phone", self.phone, limits::USERNAME_CHARS);
        if let Some(username) = &username
            && username.chars().any(|c| c.is_whitespace() || c == '@')
        {
            wrong.push(field("username", "malformed", "must not hold spaces or @"));
        }
        if let Some(refusal) = refusal(wrong) {
            return Err(refusal);
        }
        let username = username.map_or_else(
            || Username::Derived(derived_username(&email)),
            Username::Given,
        );
        let joined = [&first_name, &middle_name, &last_name]
            .into_iter()
            .filter(|part| !part.is_empty())
            .map(String::as_str)
            .collect::<Vec<_>>()
            .join(" ");
        let joined: String = joined.chars().take(limits::NAME_CHARS).collect();
        let name = full_name
            .or((!joined.is_empty()).then_some(joined))
            .unwrap_or_else(|| match &username {
                Username::Given(name) | Username::Derived(name) => name.clone(),
            });
        Ok(Registrant {
            email,
            password: self.password,
            username,
            name,
            first_name,
            middle_name,
            last_name,
            phone,
        })
    }

    /// The registration of the first admin.
    pub(crate) fn of_admin(email: &str, password: SecretString) -> Self {
        Self {
            email: email.to_owned(),
            password,
            username: None,
            name: Some("Admin".to_owned()),
            first_name: None,
            middle_name: None,
            last_name: None,
            phone: None,
        }
    }
}

/// Adds what is wrong with a new password to `wrong`.
pub(crate) fn check_password(path: &str, password: &SecretString, wrong: &mut Vec<FieldError>) {
    use secrecy::ExposeSecret;
    let bounds = limits::PASSWORD_CHARS;
    let chars = password
        .expose_secret()
        .chars()
        .take(bounds.end() + 1)
        .count();
    if chars < *bounds.start() {
        wrong.push(field(
            path,
            "too_short",
            &format!("must be at least {} characters", bounds.start()),
        ));
    }
    if chars > *bounds.end() {
        wrong.push(field(
            path,
            "too_long",
            &format!("must be at most {} characters", bounds.end()),
        ));
    }
}

fn field(path: &str, code: &str, message: &str) -> FieldError {
    FieldError {
        path: path.to_owned(),
        code: code.to_owned(),
        message: message.to_owned(),
    }
}

/// One refusal for all wrong members; its sentence is the first one's.
fn refusal(wrong: Vec<FieldError>) -> Option<Refusal> {
    let first = wrong.first()?;
    let mut refusal = Refusal::invalid(&first.path, &first.code, &first.message);
    refusal.fields = wrong;
    Some(refusal)
}

/// Whether the text has the form of an address; whether it exists only a mail can tell.
pub(crate) fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else {
        return false;
    };
    let visible = |c: char| !c.is_whitespace() && !c.is_control() && !"<>()[],;:\\\"".contains(c);
    text.len() <= EMAIL_BYTES
        && !local.is_empty()
        && local.len() <= 64
        && !local.contains('@')
        && local.chars().all(visible)
        && domain.chars().all(visible)
        && domain.split('.').all(|label| !label.is_empty())
}

/// A username made of an email's local part.
fn derived_username(email: &str) -> String {
    let local = email.split('@').next().unwrap_or_default();
    let kept: String = local
        .chars()
        .filter(|c| c.is_alphanumeric() || "._-".contains(*c))
        .take(limits::USERNAME_CHARS - 8)
        .collect();
    if kept.is_empty() {
        "user".to_owned()
    } else {
        kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(json: serde_json::Value) -> Registration {
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn email_and_password_are_enough() {
        let registrant = parsed(
            serde_json::json!({"email": " Ada.L@example.org ", "password": "secret", "x": 1}),
        )
        .check()
        .unwrap();
        assert_eq!(registrant.email, "Ada.L@example.org");
        assert_eq!(registrant.username, Username::Derived("Ada.L".to_owned()));
        assert_eq!(registrant.name, "Ada.L");
    }

    #[test]
    fn every_wrong_member_is_named_at_once() {
        let refusal =
            parsed(serde_json::json!({"email": "nobody", "password": "s3c", "username": "a b"}))
                .check()
                .unwrap_err();
        let paths: Vec<&str> = refusal
            .fields
            .iter()
            .map(|field| field.path.as_str())
            .collect();
        assert_eq!(paths, ["email", "password", "username"]);
        assert!(!format!("{refusal:?}").contains("s3c"));
    }

    #[test]
    fn addresses_are_told_from_other_texts() {
        for good in ["a@b", "a.b+c@example.org", "ü@example.org"] {
            assert!(is_email(good), "{good}");
        }
        let long = format!("{}@example.org", "x".repeat(65));
        for bad in [
            "", "a", "@b", "a@", "a b@c", "a@b@c", "a@b..c", "<a@b>", "a\u{0}@b", &long,
        ] {
            assert!(!is_email(bad), "{bad}");
        }
    }
}
