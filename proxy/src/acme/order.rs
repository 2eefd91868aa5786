//! One certificate from an authority: ordered, proven, fetched.

use std::{fs, sync::Arc, time::SystemTime};

use instant_acme::{
    Account, AccountCredentials, CertificateIdentifier, ChallengeType, Error, Identifier,
    NewAccount, NewOrder, OrderStatus, RetryPolicy,
};
use outrigger_config::model::{Acme, Challenge};

use super::{
    Challenges, Failure,
    authority::Http,
    challenges::Given,
    keeper::PATIENCE,
    self_signed::proof,
    storage::{self, Held},
};
use crate::tls::flaw::Kind;

/// Polls an order; how long is bounded from outside, too.
const POLL: RetryPolicy = RetryPolicy::new().timeout(PATIENCE);

/// The account with the authority: that on the disk, else a new one.
pub(super) async fn account(acme: &Acme) -> Result<Account, Failure> {
    let file = storage::account(acme);
    let builder = || Ok::<_, Failure>(Account::builder_with_http(Box::new(Http::new(&acme.ca)?)));
    if let Ok(kept) = fs::read(&file) {
        let kept: AccountCredentials = serde_json::from_slice(&kept).map_err(|_| {
            // Nothing of its content: it is a key's.
            Kind::Unusable("this is no account of ours: move it away".to_owned()).of(&file)
        })?;
        return Ok(builder()?.from_credentials(kept).await?);
    }
    let contact: Vec<String> = acme
        .contact
        .iter()
        .map(|to| format!("mailto:{to}"))
        .collect();
    let contact: Vec<&str> = contact.iter().map(String::as_str).collect();
    let new = NewAccount {
        contact: &contact,
        // The file format takes nothing else.
        terms_of_service_agreed: true,
        only_return_existing: false,
    };
    let (account, credentials) = builder()?
        .create(&new, acme.directory.clone(), None)
        .await?;
    let credentials = serde_json::to_vec_pretty(&credentials).map_err(Error::from)?;
    storage::write(&file, &credentials)?;
    tracing::info!(
        directory = acme.directory,
        account = account.id(),
        "a new account with the authority"
    );
    Ok(account)
}

/// Gets a certificate for `host`, in place of the one `before`, and keeps it.
pub(super) async fn fulfil(
    acme: &Acme,
    account: &Account,
    host: &str,
    challenge: Challenge,
    before: Option<CertificateIdentifier<'_>>,
    challenges: &Arc<Challenges>,
) -> Result<(), Failure> {
    let identifiers = [Identifier::Dns(host.to_owned())];
    let mut order = NewOrder::new(&identifiers);
    if let Some(before) = before {
        order = order.replaces(before);
    }
    let mut order = account.new_order(&order).await?;
    // Answers are given until the order is through.
    let mut given: Vec<Given> = Vec::new();
    let mut authorizations = order.authorizations();
    while let Some(authorization) = authorizations.next().await {
        let mut authorization = authorization?;
        // The authority remembers for a while whose a host is.
        if authorization.status == instant_acme::AuthorizationStatus::Valid {
            continue;
        }
        let kind = match challenge {
            Challenge::Http01 => ChallengeType::Http01,
            Challenge::TlsAlpn01 => ChallengeType::TlsAlpn01,
        };
        let offered = authorization.challenge(kind);
        let mut offered = offered.ok_or(Failure::NotOffered(challenge.as_str()))?;
        let answer = offered.key_authorization();
        given.push(match challenge {
            Challenge::Http01 => challenges.say(&offered.token, answer.as_str()),
            Challenge::TlsAlpn01 => {
                let proof = proof(host, answer.digest().as_ref(), SystemTime::now())?;
                challenges.show(host, proof)
            }
        });
        offered.set_ready().await?;
    }
    if order.poll_ready(&POLL).await? != OrderStatus::Ready {
        return Err(Failure::Unproven(why(&mut order).await));
    }
    let key = order.finalize().await?;
    let certificate = order.poll_certificate(&POLL).await?;
    let file = acme.certificate(host).cert;
    storage::write(&file, (certificate + "\n" + &key).as_bytes())?;
    Ok(())
}

/// What the authority says of the challenge that failed: an order itself says no more than that it is invalid.
async fn why(order: &mut instant_acme::Order) -> String {
    let mut authorizations = order.authorizations();
    while let Some(Ok(mut authorization)) = authorizations.next().await {
        if let Ok(state) = authorization.refresh().await
            && let Some(error) = state.challenges.iter().find_map(|it| it.error.as_ref())
        {
            return error.to_string();
        }
    }
    "it does not say why".to_owned()
}

/// When the authority would like the certificate renewed, as a window, and when to ask again; `None`: it has no opinion.
pub(super) async fn suggestion(
    account: &Account,
    held: &Held,
) -> Option<(SystemTime, SystemTime, std::time::Duration)> {
    let id = CertificateIdentifier::try_from(&held.certificate).ok()?;
    match account.renewal_info(&id).await {
        Ok((info, again)) => {
            let window = info.suggested_window;
            Some((window.start.into(), window.end.into(), again))
        }
        Err(Error::Unsupported(_)) => None,
        Err(error) => {
            tracing::debug!(%error, "no renewal information");
            None
        }
    }
}
