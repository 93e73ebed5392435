@role:dm-client
Feature: Use cases
  What the document tells step by step (RD DM 1.3, appendix B).

  @DM-HLF-008 @usecase:B.2 @id:browser-settings
  Scenario: An operator renews the settings of a browser, and says why
    # B.2: settings are in the field, and a campaign renews them.
    Given a client to which the server has added a value
    And the server wants to replace the value that is there
    # The notification has a text for the user, who sees it before anything happens.
    When a notification with a reason asks for the user's consent
    And the user consents
    Then the user was shown the reason before the session began
    # The session does what it was announced for.
    And the client confirms that it has replaced it
    And the server reads what it replaced it by

  @DM-HLF-012 @usecase:B.3 @id:object-found
  Scenario: A server finds an object on a device that it does not know
    # B.3: where objects are depends on the device, and some were made while it was in use.
    Given a client with three instances of an object in different places, and one of a similar object
    When the server asks where the instances of the object are
    Then the client names the three places, and no other
