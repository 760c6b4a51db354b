//! Access tokens: JWTs signed with HS256 and nothing else (the wire contract, §1.2).

use chat_core::ids::{SessionId, UserId};
use chat_core::protocol::objects::{User, UserRole};
use chat_core::time::Timestamp;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::AuthError;
use crate::config::TokenConfig;

/// Longest token that is looked at; ours have some 600 bytes.
const MAX_TOKEN_BYTES: usize = 8192;

/// Signs and verifies access tokens.
pub(crate) struct AccessTokens {
    encoding: EncodingKey,
    decoding: DecodingKey,
    validation: Validation,
    lifetime: std::time::Duration,
}

/// What a token says of its holder, after its signature and its time were checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Verified {
    /// The holder.
    pub(crate) user_id: UserId,
    /// The session, if the token names one.
    pub(crate) session_id: Option<SessionId>,
    /// When it expires.
    pub(crate) expires_at: Timestamp,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Claims<'a> {
    sub: UserId,
    id: UserId,
    email: &'a str,
    name: &'a str,
    username: &'a str,
    first_name: &'a str,
    last_name: &'a str,
    r#type: UserRole,
    role: UserRole,
    sid: SessionId,
    jti: Uuid,
    iat: i64,
    exp: i64,
}

/// The claims that count. Others, and their types, are no concern of ours: tokens may be minted elsewhere.
#[derive(Deserialize)]
struct Given {
    #[serde(default)]
    sub: Option<serde_json::Value>,
    #[serde(default)]
    id: Option<serde_json::Value>,
    #[serde(default)]
    sid: Option<serde_json::Value>,
    exp: f64,
}

impl AccessTokens {
    pub(crate) fn new(config: &TokenConfig) -> Self {
        let secret = config.secret.expose_secret().as_bytes();
        let mut validation = Validation::new(Algorithm::HS256);
        validation.leeway = 0;
        validation.validate_aud = false;
        validation.validate_nbf = true;
        Self {
            encoding: EncodingKey::from_secret(secret),
            decoding: DecodingKey::from_secret(secret),
            validation,
            lifetime: config.access_lifetime,
        }
    }

    /// How long a token lives.
    pub(crate) fn lifetime(&self) -> std::time::Duration {
        self.lifetime
    }

    /// A token for `user` in `session`.
    pub(crate) fn sign(
        &self,
        user: &User,
        session: SessionId,
        now: Timestamp,
    ) -> Result<String, AuthError> {
        let claims = Claims {
            sub: user.id,
            id: user.id,
            email: user.email.as_deref().unwrap_or_default(),
            name: &user.name,
            username: &user.username,
            first_name: &user.first_name,
            last_name: &user.last_name,
            r#type: user.role,
            role: user.role,
            sid: session,
            jti: Uuid::new_v4(),
            iat: now.unix_seconds(),
            exp: (now + self.lifetime).unix_seconds(),
        };
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &self.encoding)
            .map_err(|_| AuthError::InvalidToken)
    }

    /// Checks a token's form, algorithm, signature and time, and reads whose it is.
    pub(crate) fn verify(&self, token: &str) -> Result<Verified, AuthError> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(AuthError::InvalidToken);
        }
        let given = jsonwebtoken::decode::<Given>(token, &self.decoding, &self.validation)
            .map_err(|error| match error.kind() {
                ErrorKind::ExpiredSignature => AuthError::TokenExpired,
                _ => AuthError::InvalidToken,
            })?
            .claims;
        let user_id = [given.sub, given.id]
            .into_iter()
            .flatten()
            .find_map(|claim| claim.as_str()?.parse().ok())
            // A token of ours that names nobody we could know.
            .ok_or(AuthError::UserNotFound)?;
        let session_id = match given.sid {
            None | Some(serde_json::Value::Null) => None,
            Some(sid) => Some(
                sid.as_str()
                    .and_then(|sid| sid.parse().ok())
                    .ok_or(AuthError::SessionRevoked)?,
            ),
        };
        #[expect(
            clippy::cast_possible_truncation,
            reason = "saturates, and far beyond any calendar"
        )]
        let expires_at = Timestamp::from_unix_millis((given.exp * 1000.0) as i64)
            .ok_or(AuthError::InvalidToken)?;
        // The library still takes a token in the second of its end.
        if expires_at <= Timestamp::now() {
            return Err(AuthError::TokenExpired);
        }
        Ok(Verified {
            user_id,
            session_id,
            expires_at,
        })
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::prelude::BASE64_URL_SAFE_NO_PAD;

    use super::*;

    fn tokens(secret: &str) -> AccessTokens {
        AccessTokens::new(&TokenConfig {
            secret: secret.into(),
            access_lifetime: std::time::Duration::from_secs(60),
            refresh_lifetime: std::time::Duration::from_secs(60),
        })
    }

    fn user() -> User {
        let id = UserId::now_v7();
        User {
            id,
            user_id: id,
            email: Some("ada@example.org".into()),
            username: "ada".into(),
            name: "Ada".into(),
            first_name: "Ada".into(),
            last_name: String::new(),
            phone: None,
            avatar_url: None,
            bio: String::new(),
            role: UserRole::User,
            is_active: true,
            created_at: Timestamp::now(),
            updated_at: Timestamp::now(),
        }
    }

    fn signed(header: &serde_json::Value, claims: &serde_json::Value, secret: &str) -> String {
        use jsonwebtoken::crypto::sign;
        let encode = |json: &serde_json::Value| BASE64_URL_SAFE_NO_PAD.encode(json.to_string());
        let message = format!("{}.{}", encode(header), encode(claims));
        let key = EncodingKey::from_secret(secret.as_bytes());
        let signature = sign(message.as_bytes(), &key, Algorithm::HS256).unwrap();
        format!("{message}.{signature}")
    }

    const SECRET: &str = "0123456789abcdef";

    #[test]
    fn a_signed_token_names_user_and_session() {
        let (user, session) = (user(), SessionId::now_v7());
        let token = tokens(SECRET)
            .sign(&user, session, Timestamp::now())
            .unwrap();
        let verified = tokens(SECRET).verify(&token).unwrap();
        assert_eq!(
            (verified.user_id, verified.session_id),
            (user.id, Some(session))
        );
    }

    #[test]
    fn forged_and_malformed_tokens_are_invalid() {
        let token = tokens(SECRET)
            .sign(&user(), SessionId::now_v7(), Timestamp::now())
            .unwrap();
        let claims = serde_json::json!({"sub": UserId::now_v7(), "exp": 4_000_000_000_u64});
        let none = serde_json::json!({"alg": "none", "typ": "JWT"});
        let unsigned = format!(
            "{}.{}.",
            BASE64_URL_SAFE_NO_PAD.encode(none.to_string()),
            BASE64_URL_SAFE_NO_PAD.encode(claims.to_string())
        );
        let long = "x".repeat(100_000);
        for forged in [
            "",
            "x",
            "a.b.c",
            &unsigned,
            &token[..token.len() - 3],
            &long,
        ] {
            assert_eq!(
                tokens(SECRET).verify(forged).unwrap_err(),
                AuthError::InvalidToken,
                "{forged:.60}"
            );
        }
        assert_eq!(
            tokens("another-secret-0").verify(&token).unwrap_err(),
            AuthError::InvalidToken
        );
        let other_algorithm = signed(&serde_json::json!({"alg": "HS384"}), &claims, SECRET);
        assert_eq!(
            tokens(SECRET).verify(&other_algorithm).unwrap_err(),
            AuthError::InvalidToken
        );
    }

    #[test]
    fn an_expired_token_is_told_apart() {
        let past = Timestamp::from_unix_millis(1_000_000_000_000).unwrap();
        let token = tokens(SECRET)
            .sign(&user(), SessionId::now_v7(), past)
            .unwrap();
        assert_eq!(
            tokens(SECRET).verify(&token).unwrap_err(),
            AuthError::TokenExpired
        );
    }

    #[test]
    fn a_token_minted_elsewhere_needs_no_session() {
        let user_id = UserId::now_v7();
        let header = serde_json::json!({"alg": "HS256"});
        for claims in [
            serde_json::json!({"sub": user_id, "exp": 4_000_000_000_u64}),
            serde_json::json!({"sub": 17, "id": user_id, "exp": 4_000_000_000_u64, "aud": "x"}),
        ] {
            let verified = tokens(SECRET)
                .verify(&signed(&header, &claims, SECRET))
                .unwrap();
            assert_eq!((verified.user_id, verified.session_id), (user_id, None));
        }
    }
}
